"""The cluster over REST, at the command line and on its page."""

from datetime import UTC, datetime, timedelta

import pytest

from api.client.__main__ import main
from service.domain.records import Capacity, Node, Role
from tests.support.api_site import SPEC, Site, serving

MACHINE = Node(8, 1, id="0123456789abcdef", name="10.0.0.7", free_cpus=6.5, free_gpus=0)


def measured(site: Site, *, ago: float = 1.0) -> None:
    """The dispatcher has looked at a cluster of one machine."""
    at = datetime.now(UTC) - timedelta(seconds=ago)
    site.service.queue.note_capacity(Capacity(at=at, reachable=True, nodes=(MACHINE,)))


def test_a_viewer_sees_machines_and_queue(site: Site) -> None:
    measured(site)
    comparison_id = site.asker().post("/v1/comparisons", json=SPEC).json()["id"]
    site.driver()
    found = site.asker(Role.VIEWER).get("/v1/workers").json()
    assert found["nodes"] == [
        {
            "id": "0123456789abcdef",
            "name": "10.0.0.7",
            "cpus": 8.0,
            "gpus": 1.0,
            "free_cpus": 6.5,
            "free_gpus": 0.0,
        }
    ]
    assert 0.5 < found["age_seconds"] < 30
    assert [entry["state"] for entry in found["running"]] == ["submitted"]
    assert {entry["comparison_id"] for entry in found["waiting"]} == {comparison_id}


def test_the_page_names_machines_and_what_waits(site: Site) -> None:
    measured(site, ago=60)
    site.asker().post("/v1/comparisons", json=SPEC)
    study = site.service.queue.queued()[0]
    site.service.queue.waits(study, "waiting: <finals> run alone")
    text = site.asker(Role.VIEWER).get("/cluster").text
    assert "10.0.0.7" in text
    assert "6.5 of 8" in text
    assert "waiting: &lt;finals&gt; run alone" in text
    assert "is it running?" in text, "a dispatcher that has not looked for a minute"
    part = site.asker(Role.VIEWER).get("/parts/cluster").text
    assert '<div data-part="cluster">' in part


def test_a_page_without_machines_or_studies_has_words(site: Site) -> None:
    text = site.asker(Role.VIEWER).get("/cluster").text
    assert "no dispatcher has looked at it yet" in text
    assert "No study is running." in text
    assert "No study is waiting." in text


def test_the_command_prints_a_table_or_json(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(site)
    site.asker().post("/v1/comparisons", json=SPEC)
    with serving(site.service) as url:
        monkeypatch.setenv("KBFGS_URL", url)
        monkeypatch.setenv("KBFGS_KEY", site.keys[Role.VIEWER])
        assert main(["workers"]) == 0
        shown = capsys.readouterr().out
        assert main(["workers", "--json"]) == 0
        assert '"free_cpus": 6.5' in capsys.readouterr().out
    assert "1 machine: 6.5 of 8 CPUs and 0 of 1 GPUs are free. Measured" in shown
    assert "10.0.0.7" in shown
    assert "two against each other" in shown
