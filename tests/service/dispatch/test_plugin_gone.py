"""A plug-in that is gone after a restart stops its own comparisons and no other."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from service.contracts.catalogue import installed
from service.contracts.states import ComparisonState
from service.db.engine import open_engine
from service.domain.errors import InvalidSpec
from tests.support.control_plane import control_plane
from tests.support.plugin_packages import install_entries

CONTENDERS = [{"optimizer": "walk"}, {"optimizer": "adam"}]


@pytest.fixture
def sqlite_engine(sqlite_url: str) -> Iterator[Engine]:
    engine = open_engine(sqlite_url)
    yield engine
    engine.dispose()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path / "site"


def remove(site: Path) -> None:
    for path in site.glob("*.dist-info/*"):
        path.unlink()


def test_its_comparison_fails_with_the_name_and_the_others_go_on(
    sqlite_engine: Engine, tmp_path: Path, site: Path
) -> None:
    install_entries(site)
    before = control_plane(sqlite_engine, tmp_path, installed())
    mine = before.submit(contenders=CONTENDERS, tuning={"trials": 1})
    before.tick()
    first, second = (before.driver(request.submission_id) for request in before.cluster.requests)
    first.run()
    for trial in second.assignment.trials:
        second.send(*second.trial(trial.trial_id))
    remove(site)

    after = control_plane(sqlite_engine, tmp_path, installed())
    other = after.submit()
    after.wait(60)
    failed, running = (after.service.comparisons.get(name) for name in (mine, other))
    assert failed.state is ComparisonState.FAILED
    assert "contenders[0].optimizer: unknown optimizer 'walk'" in failed.reason
    assert running.state is ComparisonState.RUNNING
    assert [entry.name for entry in after.service.reports.report(mine).problems[0].contenders] == [
        "walk",
        "adam",
    ]


def test_its_driver_is_told_what_is_missing(
    sqlite_engine: Engine, tmp_path: Path, site: Path
) -> None:
    install_entries(site)
    before = control_plane(sqlite_engine, tmp_path, installed())
    before.submit(contenders=CONTENDERS)
    before.tick()
    study = before.driver().study_id
    remove(site)
    after = control_plane(sqlite_engine, tmp_path, installed())
    with pytest.raises(InvalidSpec, match="unknown optimizer 'walk'"):
        after.service.studies.assignment(study, attempt=1)
