"""Queries on keys, login tokens, sessions and idempotency keys."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CursorResult, Insert, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.db import models
from service.db.models import ApiKey, LoginToken, Request
from service.domain.records import KeyRecord, Role
from service.domain.rows import RememberedRequest


@dataclass(frozen=True, slots=True)
class Keys:
    """The stored keys, login tokens and sessions; secrets stand there as digests alone."""

    session: Session

    def add(self, key: KeyRecord, digest: str) -> bool:
        """Store a new key; False where one that is not revoked has its name."""
        columns = KeyRecord.__dataclass_fields__
        values = {column: getattr(key, column) for column in columns}
        return _inserted(self.session, insert(ApiKey).values(digest=digest, **values))

    def get(self, key_id: str) -> KeyRecord | None:
        """The key of that id."""
        row = self.session.get(ApiKey, key_id)
        return _key(row) if row else None

    def by_digest(self, digest: str) -> KeyRecord | None:
        """The key whose secret has that digest."""
        row = self.session.scalar(select(ApiKey).where(ApiKey.digest == digest))
        return _key(row) if row else None

    def all(self) -> tuple[KeyRecord, ...]:
        """Every key, oldest first."""
        query = select(ApiKey).order_by(ApiKey.created_at, ApiKey.id)
        return tuple(_key(row) for row in self.session.scalars(query))

    def revoke(self, key_id: str, *, at: datetime) -> bool:
        """End a key; False where there is none of that id that is not revoked."""
        result = self.session.execute(
            update(ApiKey)
            .where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
            .values(revoked_at=at)
        )
        return _count(result) == 1

    def used(self, key_id: str, *, at: datetime) -> None:
        """Note that a key opened something."""
        self.session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=at))

    def add_login(self, digest: str, *, key_id: str, expires_at: datetime) -> None:
        """Store a one-time login token that a key's holder asked for."""
        values = {"digest": digest, "key_id": key_id, "expires_at": expires_at}
        self.session.execute(insert(LoginToken).values(values))

    def use_login(self, digest: str, *, now: datetime) -> KeyRecord | None:
        """Use a login token up: its key, live or not; None where it is unknown, used or too old."""
        self.session.execute(delete(LoginToken).where(LoginToken.expires_at <= now))
        key_id = self.session.scalar(
            delete(LoginToken).where(LoginToken.digest == digest).returning(LoginToken.key_id)
        )
        return self.get(key_id) if key_id else None

    def add_session(self, digest: str, *, key_id: str, expires_at: datetime) -> None:
        """Store a session of a key's holder."""
        values = {"digest": digest, "key_id": key_id, "expires_at": expires_at}
        self.session.execute(insert(models.Session).values(values))

    def session_of(self, digest: str, *, now: datetime) -> KeyRecord | None:
        """The key of a session that is not too old; the key itself may have ended."""
        query = (
            select(ApiKey)
            .join(models.Session, models.Session.key_id == ApiKey.id)
            .where(models.Session.digest == digest, models.Session.expires_at > now)
        )
        row = self.session.scalar(query)
        return _key(row) if row else None


@dataclass(frozen=True, slots=True)
class Requests:
    """The idempotency keys of requests."""

    session: Session

    def get(self, key_id: str, word: str) -> RememberedRequest | None:
        """What the holder of an API key asked under a word before."""
        row = self.session.get(Request, (key_id, word))
        return RememberedRequest(row.body_digest, row.comparison_id) if row else None

    def add(self, key_id: str, word: str, request: RememberedRequest, *, at: datetime) -> bool:
        """Remember a request; False where the word is taken, also at this very moment.

        The comparison may follow later in the same unit of work.
        """
        statement = insert(Request).values(
            key_id=key_id,
            word=word,
            body_digest=request.body_digest,
            comparison_id=request.comparison_id,
            created_at=at,
        )
        return _inserted(self.session, statement)


def _inserted(session: Session, statement: Insert) -> bool:
    """Insert a row; False where another row has what must be unique."""
    try:
        with session.begin_nested():
            session.execute(statement)
    except IntegrityError:
        return False
    return True


def _count(result: object) -> int:
    assert isinstance(result, CursorResult)
    return int(result.rowcount)


def _key(row: ApiKey) -> KeyRecord:
    return KeyRecord(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        most_comparisons=row.most_comparisons,
        most_worker_seconds=row.most_worker_seconds,
    )
