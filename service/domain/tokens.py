"""Study tokens: what a driver shows the service, good for one attempt of one study alone."""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from service.domain.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class StudyClaim:
    """What a study token says: this attempt of this study, until then."""

    study_id: str
    attempt: int
    expires_at: datetime


def sign(secret: bytes, claim: StudyClaim) -> str:
    """The token of a claim; the same claim always gives the same token.

    ``base64url(claim) + "." + base64url(HMAC-SHA256(secret, claim))``
    """
    body = json.dumps([claim.study_id, claim.attempt, int(claim.expires_at.timestamp())]).encode()
    return f"{_encode(body)}.{_encode(_mac(secret, body))}"


def verify(secret: bytes, token: str, *, now: datetime) -> StudyClaim:
    """What a token claims, once its signature and its time are found good.

    Raises:
        Unauthenticated: Where the token was not signed with this secret, or has expired.
    """
    try:
        body, signature = (_decode(part) for part in token.split("."))
    except (ValueError, binascii.Error) as error:
        raise Unauthenticated("this is not a study token") from error
    if not hmac.compare_digest(signature, _mac(secret, body)):
        raise Unauthenticated("the study token is not signed by this service")
    study_id, attempt, expires = json.loads(body)
    claim = StudyClaim(study_id, attempt, datetime.fromtimestamp(expires, UTC))
    if now >= claim.expires_at:
        raise Unauthenticated("the study token has expired")
    return claim


def _mac(secret: bytes, body: bytes) -> bytes:
    return hmac.digest(secret, b"kbfgs-study:" + body, hashlib.sha256)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
