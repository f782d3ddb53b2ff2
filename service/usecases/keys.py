"""Keys, one-time login tokens and sessions: secrets leave once and are stored as digests."""

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.contracts.access import Deed, KeyRequest, KeyView
from service.domain.errors import Conflict, NotFound, StorageUnavailable, Unauthenticated
from service.domain.ports import Clock, UnitOfWork, Units
from service.domain.records import Actor, KeyRecord, Role

_KEY_PREFIX = "kbfgs_"
_LOGIN_LASTS = timedelta(minutes=10)
_SESSION_LASTS = timedelta(days=7)
_USE_LASTS = timedelta(minutes=1)
"""A key's use is noted once in so long, since each request would else wait for a write."""
CONSOLE = "console"
"""Who makes keys where no key is asked for: the command line beside the database."""
OWN_NAMES = frozenset({CONSOLE, "dispatcher", "driver", "service"})
"""How the service's own parts sign what they do."""


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
        """Make a key at the console.

        Raises:
            Conflict: Where a live key, or a part of the service, has that name.
        """
        return self.issue(KeyRequest(name=name, role=role, expires_at=expires), by=CONSOLE)

    def issue(self, wanted: KeyRequest, *, by: str) -> NewKey:
        """Make a key.

        Args:
            wanted: What it is called and may do.
            by: Who makes it.

        Raises:
            Conflict: Where a live key, or a part of the service, has that name.
        """
        with self.units.write() as unit:
            now = self.clock.now()
            for key in unit.keys.all():
                if key.name == wanted.name and key.revoked_at is None and not key.live(now):
                    unit.keys.revoke(key.id, at=now)  # an expired key gives its name up
            return self._add(unit, wanted, by)

    def replace(self, name: str, role: Role) -> NewKey:
        """Make a key in the place of the one of that name, whose secret nobody has any more."""
        with self.units.write() as unit:
            for key in unit.keys.all():
                if key.name == name and unit.keys.revoke(key.id, at=self.clock.now()):
                    self._note(unit, "service", "key", key.id, "revoked", f"{name!r} is replaced")
            return self._add(unit, KeyRequest(name=name, role=role), "service")

    def ensure_first(self, name: str = "admin") -> NewKey | None:
        """Make an admin's key where there is no key yet; None where there is one."""
        with self.units.read() as unit:
            if unit.keys.all():
                return None
        return self.issue(KeyRequest(name=name, role=Role.ADMIN), by="service")

    def list(self) -> tuple[KeyRecord, ...]:
        """Every key, oldest first, revoked ones included."""
        with self.units.read() as unit:
            return unit.keys.all()

    def view(self, key: KeyRecord) -> KeyView:
        """A key as people see it."""
        now = self.clock.now()
        return KeyView(
            id=key.id,
            name=key.name,
            role=key.role,
            state="live" if key.live(now) else "revoked" if key.revoked_at else "expired",
            created_at=key.created_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            last_used_at=key.last_used_at,
            most_comparisons=key.most_comparisons,
            most_worker_seconds=key.most_worker_seconds,
        )

    def get(self, key_id: str) -> KeyView:
        """One key.

        Raises:
            NotFound: Where there is none of that id.
        """
        with self.units.read() as unit:
            key = unit.keys.get(key_id)
        if key is None:
            raise NotFound(f"there is no key {key_id}")
        return self.view(key)

    def revoke(self, key_id: str, *, by: str = CONSOLE) -> None:
        """End a key.

        Raises:
            NotFound: Where no key of that id could be revoked.
        """
        with self.units.write() as unit:
            key = unit.keys.get(key_id)
            if key is None or not unit.keys.revoke(key_id, at=self.clock.now()):
                raise NotFound(f"there is no key {key_id} that could be revoked")
            self._note(unit, by, "key", key_id, "revoked", repr(key.name))

    def authenticate(self, secret: str) -> Actor:
        """Whose key it is.

        Raises:
            Unauthenticated: Where it is nobody's, or no longer good.
        """
        with self.units.read() as unit:
            key = unit.keys.by_digest(_digest(secret))
        if key is None or not key.live(self.clock.now()):
            raise Unauthenticated("this key is not known, was revoked or has expired")
        self._note_use(key)
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
            self._note(unit, key.name, "login link", key_id, "created")
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
            self._note(unit, key.name, "session", key.id, "opened")
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
        self._note_use(key)
        return key.actor

    def _note_use(self, key: KeyRecord) -> None:
        """Note that a key opened something; that a database is busy must not close it."""
        now = self.clock.now()
        if key.last_used_at is not None and now - key.last_used_at < _USE_LASTS:
            return
        with suppress(StorageUnavailable), self.units.write() as unit:
            unit.keys.used(key.id, at=now)

    def _note(
        self,
        unit: UnitOfWork,
        actor: str,
        subject: str,
        subject_id: str,
        after: str,
        reason: str = "",
    ) -> None:
        unit.deeds.note(
            Deed(
                at=self.clock.now(),
                actor=actor,
                subject=subject,
                subject_id=subject_id,
                after=after,
                reason=reason,
            )
        )

    def _add(self, unit: UnitOfWork, wanted: KeyRequest, by: str) -> NewKey:
        if wanted.name in OWN_NAMES:
            raise Conflict(f"{wanted.name!r} is how the service signs itself; choose another name")
        new = NewKey(id=secrets.token_hex(4), secret=_KEY_PREFIX + secrets.token_urlsafe(32))
        record = KeyRecord(
            id=new.id,
            name=wanted.name,
            role=wanted.role,
            created_at=self.clock.now(),
            expires_at=wanted.expires_at,
            revoked_at=None,
            most_comparisons=wanted.most_comparisons,
            most_worker_seconds=wanted.most_worker_seconds,
        )
        if not unit.keys.add(record, _digest(new.secret)):
            raise Conflict(
                f"a live key is called {wanted.name!r} already; revoke it, or choose another name"
            )
        self._note(unit, by, "key", new.id, "created", f"{wanted.name!r}, {wanted.role}")
        return new


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
