"""Sessions of the pages: the cookie, and the token that shows that a page asked for an action."""

import hashlib
import hmac

from fastapi import Response

SESSION_COOKIE = "kbfgs_session"
CSRF_HEADER = "X-CSRF-Token"


def csrf_token(session: str) -> str:
    """The token that a page of this session sends with its actions.

    It follows from the session's secret, which scripts cannot read and other sites do not know.
    """
    return hmac.digest(session.encode(), b"kbfgs-csrf", hashlib.sha256).hex()


def csrf_matches(session: str, token: str | None) -> bool:
    """Whether a request's token belongs to its session."""
    return hmac.compare_digest(csrf_token(session).encode(), (token or "").encode())


def sent_twice(cookies: str) -> bool:
    """Whether a request brings two sessions: another site of this domain may have set one."""
    names = [part.split("=")[0].strip() for part in cookies.split(";")]
    return names.count(SESSION_COOKIE) > 1


def from_elsewhere(fetch_site: str | None) -> bool:
    """Whether the browser says that another site's page asks; older browsers say nothing."""
    return fetch_site not in (None, "same-origin", "none")


def remember(response: Response, session: str, *, secure: bool) -> None:
    """Leave the session with the browser until it closes; scripts cannot read it."""
    response.set_cookie(
        SESSION_COOKIE, session, httponly=True, samesite="strict", secure=secure, path="/"
    )
