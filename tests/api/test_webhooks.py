"""Webhooks over HTTP: made with a secret that is shown once, seen and removed by their owner."""

import pytest

from service.domain.records import Role
from service.domain.webhooks import MOST_WEBHOOKS
from tests.support.api_site import Site

PATH = "/v1/webhooks"
URL = "https://hook.example/kbfgs?x=1"


def test_a_webhook_is_made_listed_and_removed(site: Site) -> None:
    owner = site.asker(Role.SUBMITTER)
    made = owner.post(PATH, json={"url": URL, "states": ["finished", "failed", "failed"]})
    assert made.status_code == 201, made.text
    webhook = made.json()
    secret = webhook.pop("secret")
    assert len(secret) >= 43
    assert owner.get(PATH).json() == [webhook]
    assert webhook["states"] == ["finished", "failed"]
    assert secret not in owner.get(PATH).text
    assert owner.delete(f"{PATH}/{webhook['id']}").status_code == 204
    assert owner.get(PATH).json() == []
    assert owner.delete(f"{PATH}/{webhook['id']}").status_code == 404


def test_others_neither_see_nor_remove_it_but_admins_do(site: Site) -> None:
    webhook = site.asker(Role.SUBMITTER).post(PATH, json={"url": URL}).json()
    other = site.asker(None)
    secret = site.service.keys.create("someone else", Role.SUBMITTER).secret
    other.headers["Authorization"] = f"Bearer {secret}"
    assert other.get(PATH).json() == []
    assert other.delete(f"{PATH}/{webhook['id']}").status_code == 404
    viewer = site.asker(Role.VIEWER)
    assert viewer.post(PATH, json={"url": URL}).status_code == 403
    assert viewer.get(PATH).status_code == 403
    assert site.asker(Role.ADMIN).get(PATH).json()[0]["owner"] == "submitter"
    assert site.asker(Role.ADMIN).delete(f"{PATH}/{webhook['id']}").status_code == 204


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hook.example",
        "ftp://hook.example/",
        "file:///etc/passwd",
        "http://",
        "http://user:word@hook.example/",
        "http://hook.example/#part",
        "http://hook.example:99999/",
        "http://hook.example/ x",
        "http://hook.example/\r\nX: y",
        "http://hook.example\\@127.0.0.1/",
        "http://h\u00f6ok.example/",
        "https://hook.example/" + "x" * 2000,
    ],
)
def test_what_cannot_be_called_is_refused(site: Site, url: str) -> None:
    answer = site.asker().post(PATH, json={"url": url})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["url"]


def test_the_scheme_may_be_written_large(site: Site) -> None:
    assert site.asker().post(PATH, json={"url": "HTTPS://hook.example/x"}).status_code == 201


def test_a_key_has_only_so_many(site: Site) -> None:
    asker = site.asker()
    statuses = [asker.post(PATH, json={"url": URL}).status_code for _ in range(MOST_WEBHOOKS + 1)]
    assert statuses == [201] * MOST_WEBHOOKS + [409]
