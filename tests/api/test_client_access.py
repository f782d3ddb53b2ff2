"""The client's commands about access, against a real server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.client import Client, Refused
from service.domain.records import Role
from tests.support import api_site
from tests.support.api_site import SPEC, Site, serving
from tests.support.terminal import Terminal, terminal_on


@pytest.fixture
def console(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Terminal]:
    """An admin's."""
    with terminal_on(site, Role.ADMIN, output=capsys, patch=monkeypatch) as opened:
        yield opened


def test_a_key_is_made_listed_used_and_ended(console: Terminal) -> None:
    made = console.run("keys", "create", "ci", "--role", "submitter", "--comparisons", "1")
    assert (made[0], made[2]) == (0, "")
    with Client(console.url, made[1].strip()) as holder:
        holder.submit(SPEC)
        with pytest.raises(Refused, match="1 comparisons of the key 'ci'"):
            holder.submit(SPEC)
    keys = json.loads(console.run("keys", "list", "--json")[1])
    (key,) = [key for key in keys if key["name"] == "ci"]
    assert key["last_used_at"] is not None
    assert console.run("keys", "revoke", key["id"])[1] == f"{key['id']} (ci) is revoked\n"
    listed = console.run("keys", "list")[1]
    assert "revoked" in listed
    assert made[1].strip() not in listed


def test_a_wrong_key_is_refused_with_its_field(console: Terminal) -> None:
    code, _, errors = console.run("keys", "create", "a\nb")
    assert code == 2
    assert errors.startswith("name: ")
    assert console.run("keys", "revoke", "nothing")[0] == 2


def test_me_tells_whose_key_it_is(console: Terminal) -> None:
    code, out, _ = console.run("me")
    assert code == 0
    assert out.splitlines()[0] == "admin, admin"
    assert json.loads(console.run("me", "--json")[1])["comparisons"]["used"] == 0


def test_the_audit_is_narrowed_and_cut(console: Terminal) -> None:
    console.run("keys", "create", "ci")
    deeds = json.loads(console.run("audit", "--actor", "admin", "--json")[1])
    assert [(deed["subject"], deed["after"]) for deed in deeds] == [("key", "created")]
    assert len(json.loads(console.run("audit", "--limit", "2", "--json")[1])) == 2
    assert "'ci', submitter" in console.run("audit", "--subject", "key")[1]
    assert console.run("audit", "--since", "2100-01-01", "--json")[1].strip() == "[]"


def test_the_audit_turns_its_pages(console: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.client.accounts.MOST", 1)
    with Client.from_environment() as client:
        assert len(tuple(client.accounts.deeds(subject="key"))) == len(Role)


def test_who_asks_too_often_waits_as_told(tmp_path: Path, empty_database: Path) -> None:
    limits = {"key_requests": 0.9}
    with (
        api_site.site(tmp_path / "home", empty_database, **limits) as site,
        serving(site.service) as url,
    ):
        key = site.keys[Role.ADMIN]
        with Client(url, key, patience=0.0) as hasty, Client(url, key, patience=10.0) as patient:
            with pytest.raises(Refused, match="Too many requests"):
                ask_often(hasty)
            assert patient.accounts.me().name == "admin"


def ask_often(client: Client) -> None:
    for _ in range(20):
        client.accounts.me()
