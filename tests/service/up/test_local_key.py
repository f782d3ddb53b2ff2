"""The key that `service up` leaves for clients on this machine."""

from pathlib import Path

from service.domain.records import Role
from service.up.home import write_private
from service.up.supervisor import local_key
from tests.support.control_plane import ControlPlane


def test_the_local_key_is_an_admins_and_stays_the_same(plane: ControlPlane, tmp_path: Path) -> None:
    path = tmp_path / "client.json"
    key = local_key(plane.service, path)
    assert plane.service.keys.authenticate(key).role is Role.ADMIN
    write_private(path, {"key": key})
    assert local_key(plane.service, path) == key


def test_a_key_of_a_lesser_role_is_replaced(plane: ControlPlane, tmp_path: Path) -> None:
    path = tmp_path / "client.json"
    lesser = plane.service.keys.create("local", Role.SUBMITTER).secret
    write_private(path, {"key": lesser})
    key = local_key(plane.service, path)
    assert key != lesser
    assert plane.service.keys.authenticate(key).role is Role.ADMIN


def test_a_file_that_says_nothing_useful_is_replaced(plane: ControlPlane, tmp_path: Path) -> None:
    path = tmp_path / "client.json"
    for content in ("", "[]", "{}", '{"key": "unknown"}'):
        path.write_text(content)
        key = local_key(plane.service, path)
        assert plane.service.keys.authenticate(key).role is Role.ADMIN
