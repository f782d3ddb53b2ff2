"""Find, edit, clone and delete comparisons, over HTTP and by the client's commands."""

import json
from collections.abc import Callable
from pathlib import Path

from api.client import Client
from service.contracts.states import ComparisonState
from service.contracts.views import ComparisonView
from service.domain.access_rows import DeedQuery
from service.domain.records import Role
from tests.support.api_site import SPEC, Site, serving

PATCH = {"Content-Type": "application/merge-patch+json"}


def submit(site: Site, role: Role = Role.SUBMITTER, **fields: object) -> str:
    answer = site.asker(role).post("/v1/comparisons", json={**SPEC, **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def found(site: Site, query: str) -> list[str]:
    answer = site.asker(Role.VIEWER).get(f"/v1/comparisons?{query}")
    assert answer.status_code == 200, answer.text
    return [view["name"] for view in answer.json()["items"]]


def test_lists_are_filtered_by_what_all_of_it_holds_for(site: Site) -> None:
    submit(site, name="First", tags=["nightly", "cnn"])
    submit(site, name="second 50%", tags=["nightly"], role=Role.ADMIN)
    third = submit(site, name="third")
    site.asker().post(f"/v1/comparisons/{third}:cancel")
    for query, names in (
        ("tag=nightly", ["second 50%", "First"]),
        ("tag=nightly&tag=cnn", ["First"]),
        ("tag=none", []),
        ("owner=admin", ["second 50%"]),
        ("owner=submitter&tag=nightly", ["First"]),
        ("name=FIRST", ["First"]),
        ("name=0%25", ["second 50%"]),
        ("name=_", []),
        ("state=cancelled", ["third"]),
        ("state=cancelled&state=queued", ["third", "second 50%", "First"]),
        ("tag=nightly&limit=1", ["second 50%"]),
    ):
        assert found(site, query) == names, query
    cursor = site.asker().get("/v1/comparisons?tag=nightly&limit=1").json()["next_cursor"]
    assert found(site, f"tag=nightly&cursor={cursor}") == ["First"]
    for wrong in ("tag=A%20B", "state=nowhere", f"name={'x' * 201}"):
        assert site.asker().get(f"/v1/comparisons?{wrong}").status_code == 422, wrong


def test_an_edit_changes_what_is_given_and_is_an_event(site: Site) -> None:
    comparison = submit(site, tags=["old"], priority=3)
    asker, path = site.asker(Role.SUBMITTER), f"/v1/comparisons/{comparison}"

    def edit(**fields: object) -> dict[str, object]:
        answer = asker.patch(path, content=json.dumps(fields), headers=PATCH)
        assert answer.status_code == 200, answer.text
        view = answer.json()
        assert view["spec"]["name"] == view["name"]
        return {name: view[name] for name in ("name", "tags", "priority")}

    assert edit(name="other", tags=["new", "x.y"]) == {
        "name": "other",
        "tags": ["new", "x.y"],
        "priority": 3,
    }
    assert edit(priority=None, tags=None) == {"name": "other", "tags": [], "priority": 0}
    assert edit() == edit(priority=0)
    assert found(site, "tag=old") == found(site, "tag=new") == []
    changes = site.service.comparisons.changes(comparison)
    remarks = [change for change in changes if change.before == change.after]
    assert [(change.actor, change.reason) for change in remarks] == [
        ("submitter", "name two against each other to other, tags old to new x.y"),
        ("submitter", "priority 3 to 0, tags new x.y to none"),
    ]


def test_what_no_comparison_can_be_called_is_refused_with_the_field(site: Site) -> None:
    path = f"/v1/comparisons/{submit(site)}"
    for wrong, field in (
        ({"name": None}, "name"),
        ({"name": "\x00"}, "name"),
        ({"tags": ["a", "a"]}, "tags"),
        ({"tags": ["No"]}, "tags[0]"),
        ({"tags": [f"t{number}" for number in range(17)]}, "tags"),
        ({"priority": 101}, "priority"),
        ({"seeds": 4}, "seeds"),
    ):
        answer = site.asker().patch(path, json=wrong)
        assert answer.status_code == 422, wrong
        assert [error["field"] for error in answer.json()["errors"]] == [field], answer.text
    assert site.asker().patch(path, content=b"name: x", headers=PATCH).status_code in (400, 422)


def test_only_what_has_ended_is_deleted_and_then_nothing_is_left(site: Site) -> None:
    comparison = submit(site, tags=["gone"])
    asker, path = site.asker(Role.SUBMITTER), f"/v1/comparisons/{comparison}"
    refused = asker.delete(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert "cancel it first" in refused.json()["detail"]
    asker.post(f"{path}:cancel")
    assert asker.delete(path).status_code == 204
    assert asker.delete(path).status_code == 404
    for part in ("", "/studies", "/trials", "/logs", "/report"):
        assert asker.get(path + part).status_code == 404, part
    assert found(site, "tag=gone") == []
    (deed,) = site.service.audit.page(DeedQuery(subject=comparison)).items
    assert (deed.actor, deed.before, deed.after) == ("submitter", "cancelled", "deleted")
    assert deed.reason == f"{SPEC['name']!r} of submitter"


def test_viewers_and_strangers_change_nothing(site: Site) -> None:
    path = f"/v1/comparisons/{submit(site)}"
    stranger = site.asker(None)
    secret = site.service.keys.create("someone else", Role.SUBMITTER).secret
    stranger.headers["Authorization"] = f"Bearer {secret}"
    for asker in (site.asker(Role.VIEWER), stranger):
        assert asker.patch(path, json={"priority": 9}).status_code == 403
        assert asker.delete(path).status_code == 403
    assert site.asker(Role.VIEWER).post(f"{path}:clone").status_code == 403
    assert stranger.post(f"{path}:clone").status_code == 201, "of what one may see"


def test_a_clone_is_the_spec_again_with_changes_and_its_own_owner(site: Site) -> None:
    comparison = submit(site, tags=["t"], seeds=7)
    asker, path = site.asker(), f"/v1/comparisons/{comparison}:clone"
    plain = asker.post(path)
    assert plain.headers["location"] == f"/v1/comparisons/{plain.json()['id']}"
    before = asker.get(f"/v1/comparisons/{comparison}").json()
    assert plain.json()["spec"] == before["spec"]
    assert (before["owner"], plain.json()["owner"]) == ("submitter", "admin")
    changed = asker.post(path, json={"seeds": None, "tuning": {"trials": 4}, "name": "more"})
    spec = changed.json()["spec"]
    assert (spec["seeds"], spec["tuning"]["trials"], spec["name"]) == (8, 4, "more")
    for wrong in ({"problems": ["nothing"]}, {"budget": {"epochs": 0}}, [1], [], 0):
        assert asker.post(path, json=wrong).json()["code"] == "invalid_spec", wrong
    assert asker.post(path, content="null").json()["code"] == "invalid_spec"
    word = {"Idempotency-Key": "once"}
    first, again = (asker.post(path, headers=word).json()["id"] for _ in range(2))
    assert first == again
    assert asker.post(path, json={"seeds": 9}, headers=word).status_code == 422


def test_the_commands_edit_find_clone_and_delete(
    site: Site, command: Callable[..., str], tmp_path: Path
) -> None:
    comparison = submit(site)
    edited = command("edit", comparison, "--name", "new", "--priority", "-5", "--tag", "a")
    assert edited == f"{comparison} is 'new', priority -5, tags a"
    assert "priority -5, tags a" in command("show", comparison)
    listed = command(
        "list", "--tag", "a", "--owner", "submitter", "--state", "queued", "--sort=-name", "--json"
    )
    assert [entry["id"] for entry in json.loads(listed)["items"]] == [comparison]
    assert comparison not in command("list", "--state", "failed", "--state", "finished")
    assert "tags" not in command("edit", comparison, "--no-tags")
    changes = tmp_path / "changes.yaml"
    changes.write_text("seeds: 9\n")
    made = command("clone", comparison, "--changes", str(changes), "--name", "again", "--json")
    clone = ComparisonView.model_validate_json(made)
    assert (clone.name, clone.spec.seeds, clone.priority) == ("again", 9, -5)
    command("cancel", clone.id)
    assert command("delete", clone.id) == f"{clone.id} is deleted"


def test_the_client_reads_all_pages_of_a_filter(site: Site) -> None:
    for number in range(3):
        submit(site, tags=["odd"] if number % 2 else ["even"])
    with serving(site.service) as url, Client(url, site.keys[Role.VIEWER]) as client:
        assert len(list(client.comparisons(tags=["even"]))) == 2
        assert len(list(client.comparisons(state=ComparisonState.QUEUED))) == 3
        assert not list(client.comparisons(state=[ComparisonState.FAILED], owner="submitter"))
