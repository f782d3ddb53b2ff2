"""Keys, one-time login tokens and sessions: secrets leave once and are stored as digests."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.domain.errors import Conflict, NotFound, Unauthenticated
from service.domain.ports import Clock, UnitOfWork, Units
from service.domain.records import Actor, KeyRecord, Role

_KEY_PREFIX = "kbfgs_"
_LOGIN_LASTS = timedelta(minutes=10)
_SESSION_LASTS = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made; the secret is shown here and never again."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keys:
    """What may be done with keys."""

    units: Units
    clock: Clock

    def create(self, name: str, role: Role, *, expires: datetime | None = None) -> NewKey:
        """Make a key.

        Raises:
            Conflict: Where a live key has that name.
        """
        with self.units.write() as unit:
            now = self.clock.now()
            for key in unit.keys.all():
                if key.name == name and key.revoked_at is None and not key.live(now):
                    unit.keys.revoke(key.id, at=now)  # an expired key gives its name up
            return self._add(unit, name, role, expires=expires)

    def replace(self, name: str, role: Role) -> NewKey:
        """Make a key in the place of the one of that name, whose secret nobody has any more."""
        with self.units.write() as unit:
            for key in unit.keys.all():
                if key.name == name:
                    unit.keys.revoke(key.id, at=self.clock.now())
            return self._add(unit, name, role, expires=None)

    def ensure_first(self, name: str = "admin") -> NewKey | None:
        """Make an admin's key where there is no key yet; None where there is one."""
        with self.units.read() as unit:
            if unit.keys.all():
                return None
        return self.create(name, Role.ADMIN)

    def list(self) -> tuple[KeyRecord, ...]:
        """Every key, oldest first, revoked ones included."""
        with self.units.read() as unit:
            return unit.keys.all()

    def revoke(self, key_id: str) -> None:
        """End a key.

        Raises:
            NotFound: Where no live key has that id.
        """
        with self.units.write() as unit:
            if not unit.keys.revoke(key_id, at=self.clock.now()):
                raise NotFound(f"there is no key {key_id} that could be revoked")

    def authenticate(self, secret: str) -> Actor:
        """Whose key it is.

        Raises:
            Unauthenticated: Where it is nobody's, or no longer good.
        """
        with self.units.read() as unit:
            key = unit.keys.by_digest(_digest(secret))
        if key is None or not key.live(self.clock.now()):
            raise Unauthenticated("this key is not known, was revoked or has expired")
        return key.actor

    def issue_login_token(self, key_id: str) -> str:
        """A token that opens one session for a key's holder within ten minutes.

        Raises:
            NotFound: Where no live key has that id.
        """
        token = secrets.token_urlsafe(32)
        now = self.clock.now()
        with self.units.write() as unit:
            key = unit.keys.get(key_id)
            if key is None or not key.live(now):
                raise NotFound(f"there is no live key {key_id}")
            unit.keys.add_login(_digest(token), key_id=key_id, expires_at=now + _LOGIN_LASTS)
        return token

    def redeem(self, token: str) -> str:
        """Use a login token up.

        Returns:
            The secret of a new session, with the name and the role of the key that the token
            was issued for; it ends with that key.

        Raises:
            Unauthenticated: Where the token is unknown, used or too old, or its key has ended.
        """
        now = self.clock.now()
        secret = secrets.token_urlsafe(32)
        with self.units.write() as unit:
            key = unit.keys.use_login(_digest(token), now=now)
            if key is None or not key.live(now):
                raise Unauthenticated(
                    "this link was used before, is older than ten minutes, or its key has ended; "
                    "start again for a new one"
                )
            unit.keys.add_session(_digest(secret), key_id=key.id, expires_at=now + _SESSION_LASTS)
        return secret

    def session(self, secret: str) -> Actor:
        """Whose session it is: it is good as long as the key it began with.

        Raises:
            Unauthenticated: Where it is nobody's, or it or its key has ended.
        """
        now = self.clock.now()
        with self.units.read() as unit:
            key = unit.keys.session_of(_digest(secret), now=now)
        if key is None or not key.live(now):
            raise Unauthenticated("this session is not known or has ended")
        return key.actor

    def _add(self, unit: UnitOfWork, name: str, role: Role, *, expires: datetime | None) -> NewKey:
        new = NewKey(id=secrets.token_hex(4), secret=_KEY_PREFIX + secrets.token_urlsafe(32))
        record = KeyRecord(
            id=new.id,
            name=name,
            role=role,
            created_at=self.clock.now(),
            expires_at=expires,
            revoked_at=None,
        )
        if not unit.keys.add(record, _digest(new.secret)):
            raise Conflict(
                f"a live key is called {name!r} already; revoke it, or choose another name"
            )
        return new


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
