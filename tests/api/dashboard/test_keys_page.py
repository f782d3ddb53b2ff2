"""The page of keys tells everyone who they are, and admins of every key."""

import re

from service.contracts.access import KeyRequest
from service.domain.records import Role
from tests.support.api_site import Site


def test_everyone_sees_who_they_are_and_admins_every_key(quiet_site: Site) -> None:
    viewer = quiet_site.asker(Role.VIEWER).get("/keys").text
    assert "<dd>viewer</dd>" in viewer
    assert "data-new-key" not in viewer
    assert "submitter" not in viewer
    admin = quiet_site.asker().get("/keys").text
    assert "data-new-key" in admin
    for role in Role:
        assert f'<th scope="row">{role}</th>' in admin


def test_a_live_key_can_be_ended_there_and_one_that_ended_cannot(site: Site) -> None:
    keys = site.service.keys
    gone = keys.issue(KeyRequest(name="gone"), by="admin")
    keys.revoke(gone.id)
    live = keys.issue(KeyRequest(name="<b>live</b>"), by="admin")
    text = site.asker().get("/parts/keys").text
    ends = re.findall(r'data-revoke="(\w+)"', text)
    assert live.id in ends
    assert gone.id not in ends
    assert "&lt;b&gt;live&lt;/b&gt;" in text
    assert gone.secret not in text
    assert live.secret not in text
