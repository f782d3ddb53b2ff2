"""Who may ask: keys, one-time login tokens, sessions; and requests that may be repeated."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from service.db.models.base import Base

_NOT_REVOKED = text("revoked_at IS NULL")


class ApiKey(Base):
    """A key; ``digest`` is the SHA-256 of its secret, which is stored nowhere."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    most_comparisons: Mapped[int | None]
    most_worker_seconds: Mapped[float | None]

    __table_args__ = (
        Index(None, "name", unique=True, sqlite_where=_NOT_REVOKED, postgresql_where=_NOT_REVOKED),
    )


class LoginToken(Base):
    """A token that opens one session of its key's holder; its row goes when it is used."""

    __tablename__ = "login_tokens"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(16), ForeignKey("api_keys.id", ondelete="CASCADE"))
    expires_at: Mapped[datetime]


class Session(Base):
    """A browser's session: good as long as its key is, and not longer than its own time."""

    __tablename__ = "sessions"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(16), ForeignKey("api_keys.id", ondelete="CASCADE"))
    expires_at: Mapped[datetime]


class Request(Base):
    """What was created under an idempotency key (a word) of an API key's holder.

    The word is claimed before the comparison is stored, hence the deferred foreign key.
    """

    __tablename__ = "requests"

    key_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    word: Mapped[str] = mapped_column(String(200), primary_key=True)
    body_digest: Mapped[str] = mapped_column(String(64))
    comparison_id: Mapped[str] = mapped_column(
        String(16),
        ForeignKey("comparisons.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
    )
    created_at: Mapped[datetime]


class AccessDeed(Base):
    """What somebody did that is no change of a comparison: keys, logins, what was deleted."""

    __tablename__ = "access_deeds"

    key: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(100))
    subject: Mapped[str] = mapped_column(String(16))
    subject_id: Mapped[str] = mapped_column(String(40))
    before: Mapped[str | None] = mapped_column(String(16))
    after: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str]
