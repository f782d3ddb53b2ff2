"""Cancel, pause and resume over HTTP and by the client's commands."""

from collections.abc import Callable

import pytest

from api.client import Client
from api.client.watching import phase
from service.domain.records import Role
from tests.support.api_site import SPEC, Site, serving

WHOLE = "/v1/comparisons/{comparison}"
PARTS = (WHOLE, WHOLE + "/contenders/adam", "/v1/trials/{comparison}-t0")
VERBS = ("pause", "resume", "cancel")


@pytest.fixture
def comparison(site: Site) -> str:
    answer = site.asker(Role.SUBMITTER).post("/v1/comparisons", json=SPEC)
    return str(answer.json()["id"])


def test_each_part_is_paused_resumed_and_cancelled(site: Site, comparison: str) -> None:
    asker = site.asker(Role.SUBMITTER)

    def do(part: str, verb: str) -> dict[str, object]:
        answer = asker.post(f"{part.format(comparison=comparison)}:{verb}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    assert [do(PARTS[2], verb)["state"] for verb in VERBS] == ["paused", "queued", "cancelled"]
    assert [do(PARTS[0], verb)["state"] for verb in VERBS[:2]] == ["paused", "queued"]
    adam = [do(PARTS[1], verb)["contenders"][1] for verb in VERBS]  # type: ignore[index]
    assert [(entry["paused"], entry["cancelled"]) for entry in adam] == [
        (2, False),
        (0, False),
        (0, True),
    ]
    assert do(PARTS[0], "cancel")["state"] == "cancelled"


@pytest.mark.parametrize("verb", VERBS)
def test_viewers_and_strangers_are_refused(site: Site, comparison: str, verb: str) -> None:
    stranger = site.asker(None)
    secret = site.service.keys.create("someone else", Role.SUBMITTER).secret
    stranger.headers["Authorization"] = f"Bearer {secret}"
    for part in PARTS:
        path = f"{part.format(comparison=comparison)}:{verb}"
        for asker in (site.asker(Role.VIEWER), stranger):
            assert asker.post(path).json()["code"] == "forbidden"
        assert site.asker(None).post(path).status_code == 401


@pytest.mark.parametrize("verb", VERBS[:2])
def test_what_has_ended_is_refused_with_what_would_be_allowed(
    site: Site, comparison: str, verb: str
) -> None:
    asker = site.asker()
    asker.post(f"/v1/comparisons/{comparison}:cancel")
    for part in PARTS:
        answer = asker.post(f"{part.format(comparison=comparison)}:{verb}")
        assert (answer.status_code, answer.json()["code"]) == (409, "transition_refused")
        assert "cancelled" in answer.json()["detail"]


def test_an_extension_is_new_totals_and_refusals_name_the_field(
    site: Site, comparison: str
) -> None:
    asker, path = site.asker(Role.SUBMITTER), f"/v1/comparisons/{comparison}:extend"
    spec = asker.post(path, json={"trials": 4, "seeds": 7}).json()["spec"]
    assert (spec["tuning"]["trials"], spec["seeds"], spec["budget"]["epochs"]) == (4, 7, 3)
    lower = asker.post(path, json={"seeds": 6})
    assert lower.status_code == 422
    (error,) = lower.json()["errors"]
    assert (error["field"], error["message"]) == ("seeds", "must be at least 7, as before; got 6")
    for wrong in ({}, {"epoch": 9}, {"epochs": "many"}):
        assert asker.post(path, json=wrong).status_code == 422
    assert site.asker(Role.VIEWER).post(path, json={"seeds": 8}).status_code == 403
    asker.post(f"/v1/comparisons/{comparison}:cancel")
    assert asker.post(path, json={"seeds": 8}).json()["code"] == "transition_refused"


def test_the_commands_name_the_part_and_say_what_became_of_it(
    command: Callable[..., str], comparison: str
) -> None:
    assert command("pause", comparison) == f"{comparison} is paused"
    assert command("resume", comparison) == f"{comparison} is queued"
    assert command("pause", comparison, "--contender", "adam") == (
        f"{comparison} is queued; adam: 0 of 8 trials ended, 2 paused"
    )
    assert command("cancel", comparison, "--trial", "0") == f"{comparison}-t0 is cancelled"
    assert command("pause", comparison, "--trial", f"{comparison}-t1").endswith("-t1 is paused")
    assert '"state": "queued"' in command("resume", comparison, "--trial", "1", "--json")
    assert command("extend", comparison, "--trials", "4", "--epochs", "5", "--seeds", "8") == (
        f"{comparison} is queued; kbfgs, adam; 5 epochs a trial, 4 Sobol points a contender, "
        "8 seeds"
    )
    assert command("cancel", comparison, "--contender", "adam").endswith(
        "4 of 4 trials ended, cancelled"
    )


def test_who_watches_hears_of_the_pause(site: Site, comparison: str) -> None:
    with (
        serving(site.service) as url,
        Client(url, site.keys[Role.SUBMITTER], patience=0.0) as client,
    ):
        client.pause(comparison)
        view, studies = client.get(comparison), client.studies(comparison)
    assert phase(view, studies) == "paused"
    assert view.seconds_left is None
