"""Keys, login links and sessions."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from service.domain.errors import Conflict, NotFound, StorageUnavailable, Unauthenticated
from service.domain.ports import UnitOfWork, Units
from service.domain.records import Role
from tests.support.control_plane import ControlPlane


def test_a_key_opens_with_its_role_until_it_is_revoked(plane_on_both: ControlPlane) -> None:
    keys = plane_on_both.service.keys
    new = keys.create("ci", Role.SUBMITTER)
    assert keys.authenticate(new.secret).role is Role.SUBMITTER
    keys.revoke(new.id)
    with pytest.raises(Unauthenticated):
        keys.authenticate(new.secret)
    with pytest.raises(NotFound):
        keys.revoke(new.id)


def test_a_key_expires(plane: ControlPlane) -> None:
    keys = plane.service.keys
    expires = plane.clock.now() + timedelta(days=1)
    new = keys.create("short", Role.VIEWER, expires=expires)
    keys.authenticate(new.secret)
    plane.clock.advance(86_400)
    with pytest.raises(Unauthenticated):
        keys.authenticate(new.secret)


def test_no_secret_is_stored_or_shown(plane: ControlPlane) -> None:
    keys = plane.service.keys
    new = keys.create("ci", Role.ADMIN)
    token = keys.issue_login_token(new.id)
    session = keys.redeem(keys.issue_login_token(new.id))
    with plane.engine.connect() as connection:
        rows = [
            str(tuple(row))
            for table in ("api_keys", "login_tokens", "sessions")
            for row in connection.execute(text(f"SELECT * FROM {table}"))
        ]
    assert len(rows) == 3
    for secret in (new.secret, token, session):
        assert not any(secret in row for row in rows)
    assert new.secret not in repr(new)


def test_a_login_link_opens_one_session(plane_on_both: ControlPlane) -> None:
    keys = plane_on_both.service.keys
    new = keys.create("ada", Role.SUBMITTER)
    token = keys.issue_login_token(new.id)
    session = keys.redeem(token)
    assert keys.session(session) == keys.authenticate(new.secret)
    with pytest.raises(Unauthenticated):
        keys.redeem(token)
    with pytest.raises(Unauthenticated):
        keys.session("made up")


def test_a_login_link_and_a_session_grow_old(plane: ControlPlane) -> None:
    keys = plane.service.keys
    key_id = keys.create("ada", Role.ADMIN).id
    token, session = keys.issue_login_token(key_id), keys.redeem(keys.issue_login_token(key_id))
    plane.clock.advance(601)
    with pytest.raises(Unauthenticated):
        keys.redeem(token)
    keys.session(session)
    plane.clock.advance(7 * 86_400)
    with pytest.raises(Unauthenticated):
        keys.session(session)


def test_a_session_ends_with_its_key(plane_on_both: ControlPlane) -> None:
    keys, clock = plane_on_both.service.keys, plane_on_both.clock
    brief = keys.create("brief", Role.ADMIN, expires=clock.now() + timedelta(minutes=5))
    revoked = keys.create("revoked", Role.ADMIN)
    tokens = [keys.issue_login_token(key.id) for key in (brief, revoked)]
    sessions = [keys.redeem(keys.issue_login_token(key.id)) for key in (brief, revoked)]
    for session in sessions:
        keys.session(session)
    keys.revoke(revoked.id)
    clock.advance(301)
    for key, token, session in zip((brief, revoked), tokens, sessions, strict=True):
        with pytest.raises(Unauthenticated):
            keys.session(session)
        with pytest.raises(Unauthenticated):
            keys.redeem(token)
        with pytest.raises(NotFound):
            keys.issue_login_token(key.id)


def test_no_two_live_keys_have_one_name(plane_on_both: ControlPlane) -> None:
    keys, clock = plane_on_both.service.keys, plane_on_both.clock
    first = keys.create("ci", Role.VIEWER, expires=clock.now() + timedelta(minutes=5))
    with pytest.raises(Conflict, match="'ci' already"):
        keys.create("ci", Role.ADMIN)
    clock.advance(301)
    second = keys.create("ci", Role.VIEWER)
    keys.revoke(second.id)
    third = keys.create("ci", Role.VIEWER)
    with pytest.raises(Unauthenticated):
        keys.authenticate(first.secret)
    assert keys.authenticate(third.secret).key_id == third.id


def test_a_replaced_key_is_ended(plane: ControlPlane) -> None:
    keys = plane.service.keys
    first, second = keys.create("local", Role.SUBMITTER), keys.replace("local", Role.ADMIN)
    with pytest.raises(Unauthenticated):
        keys.authenticate(first.secret)
    assert keys.authenticate(second.secret).role is Role.ADMIN
    keys.replace("another", Role.ADMIN)
    keys.authenticate(second.secret)


def test_the_first_key_is_made_once(plane: ControlPlane) -> None:
    keys = plane.service.keys
    first = keys.ensure_first()
    assert first is not None
    assert keys.authenticate(first.secret).role is Role.ADMIN
    assert keys.ensure_first() is None
    assert len(keys.list()) == 1


def test_roles_cover_those_below_them() -> None:
    assert Role.ADMIN.covers(Role.VIEWER)
    assert Role.SUBMITTER.covers(Role.SUBMITTER)
    assert not Role.VIEWER.covers(Role.SUBMITTER)


def test_the_last_use_is_noted_once_a_minute(plane_on_both: ControlPlane) -> None:
    keys, clock = plane_on_both.service.keys, plane_on_both.clock
    new = keys.create("ci", Role.VIEWER)
    assert keys.get(new.id).last_used_at is None
    first = clock.now()
    for _ in range(3):
        keys.authenticate(new.secret)
        clock.advance(25)
    assert keys.get(new.id).last_used_at == first
    keys.authenticate(new.secret)
    assert keys.get(new.id).last_used_at == clock.now()


def test_a_session_uses_its_key(plane: ControlPlane) -> None:
    keys = plane.service.keys
    new = keys.create("ada", Role.VIEWER)
    keys.session(keys.redeem(keys.issue_login_token(new.id)))
    assert keys.get(new.id).last_used_at == plane.clock.now()


@dataclass(frozen=True)
class Busy:
    """A database that others write to all the time."""

    units: Units

    def read(self) -> AbstractContextManager[UnitOfWork]:
        """As ever."""
        return self.units.read()

    def write(self) -> AbstractContextManager[UnitOfWork]:
        """Never."""
        raise StorageUnavailable("the database is locked")


def test_a_database_that_is_busy_closes_nothing(plane: ControlPlane) -> None:
    keys = plane.service.keys
    new = keys.create("ci", Role.VIEWER)
    busy = replace(keys, units=Busy(keys.units))
    assert busy.authenticate(new.secret).name == "ci"
    assert keys.get(new.id).last_used_at is None
