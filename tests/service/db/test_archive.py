"""A backup is the whole database: restored, on either kind, every value is what it was."""

import gzip
import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from service.db.archive import back_up
from service.db.engine import open_engine
from service.db.errors import ArchiveRefused, SchemaMismatch
from service.db.migrate import check_revision, migrate
from service.db.models import Base
from service.db.restore import restore
from service.domain.records import Role
from tests.support.control_plane import ControlPlane, control_plane
from tests.support.databases import postgres_database


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """A database without tables, of the kind to restore into."""
    if request.param == "sqlite":
        return open_engine(f"sqlite:///{tmp_path / 'restored.db'}")
    return open_engine(postgres_database(request.getfixturevalue("postgres")))


def filled(plane: ControlPlane) -> ControlPlane:
    """Something in most tables: a comparison in mid-run, a finished one, a key."""
    plane.submit(seeds=1, tuning={"trials": 1})
    plane.submit(name="läuft noch")
    plane.service.keys.create("ci", Role.ADMIN)
    for study in range(4):
        plane.tick()
        plane.driver(plane.cluster.requests[study].submission_id).run()
    states = [view.state for view in plane.service.comparisons.page().items]
    assert states == ["running", "finished"]
    return plane


def rows(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    with engine.connect() as connection:
        return {
            table.name: [
                tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in Base.metadata.sorted_tables
        }


def test_what_is_restored_is_what_was_there(
    plane_on_both: ControlPlane, empty: Engine, tmp_path: Path
) -> None:
    plane, file = filled(plane_on_both), tmp_path / "backup"
    before = rows(plane.engine)
    stored = ("points", "changes", "trials", "api_keys", "made_capsules")
    assert min(len(before[name]) for name in stored) > 0
    written = back_up(plane.engine, file)
    assert restore(empty, file) == written == sum(map(len, before.values()))
    assert rows(empty) == before
    again = control_plane(empty, tmp_path / "again")
    assert again.service.comparisons.get(again.submit()).state == "queued", "new keys follow"
    empty.dispose()


def test_a_backup_sees_one_moment_and_its_owner_alone_reads_it(
    plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane.submit()
    before = rows(plane.engine)
    reading = json.dumps
    submitted: list[str] = []

    def submit_meanwhile(line: object, **how: object) -> str:
        if isinstance(line, list) and not submitted:
            submitted.append(plane.submit())
        return reading(line, **how)

    monkeypatch.setattr("service.db.archive.json.dumps", submit_meanwhile)
    back_up(plane.engine, tmp_path / "backup")
    monkeypatch.undo()
    assert submitted
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o600
    fresh = open_engine(f"sqlite:///{tmp_path / 'fresh.db'}")
    restore(fresh, tmp_path / "backup")
    assert rows(fresh) == before
    fresh.dispose()


def test_an_older_backup_is_brought_to_the_newest_schema(tmp_path: Path) -> None:
    columns = {"id": "plain", "name": "plain", "role": "plain", "digest": "plain"}
    lines = (
        {"kbfgs_archive": 1, "revision": "0001"},
        {"table": "api_keys", "columns": {**columns, "created_at": "moment"}},
        ["id", "ci", "admin", "digest", "2026-01-01T00:00:00+00:00"],
        {"rows": 1},
    )
    content = "\n".join(map(json.dumps, lines)).encode()
    (tmp_path / "older").write_bytes(gzip.compress(content))
    fresh = open_engine(f"sqlite:///{tmp_path / 'fresh.db'}")
    restore(fresh, tmp_path / "older")
    (key,) = rows(fresh)["api_keys"]
    assert key[:5] == ("id", "ci", "admin", "digest", datetime(2026, 1, 1, tzinfo=UTC))
    check_revision(fresh)
    fresh.dispose()


def test_a_database_with_rows_is_left_as_it_is(plane_on_both: ControlPlane, tmp_path: Path) -> None:
    plane = plane_on_both
    plane.submit()
    back_up(plane.engine, tmp_path / "backup")
    before = rows(plane.engine)
    with pytest.raises(ArchiveRefused, match="not empty"):
        restore(plane.engine, tmp_path / "backup")
    assert rows(plane.engine) == before


HARMS: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda content: content[: len(content) // 2],
    "a flipped bit": lambda content: content[:200] + bytes([content[200] ^ 1]) + content[201:],
    "a row less": lambda content: gzip.compress(
        b"\n".join(
            line for line in gzip.decompress(content).splitlines() if b'"queued"' not in line
        )
    ),
    "no end": lambda content: gzip.compress(gzip.decompress(content).rsplit(b"\n", 2)[0]),
    "no archive": lambda content: gzip.compress(b'{"some": "json"}'),
    "a newer revision": lambda content: gzip.compress(
        gzip.decompress(content).replace(b'"revision":"0', b'"revision":"9')
    ),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_file_that_is_not_whole_leaves_nothing(
    plane: ControlPlane, tmp_path: Path, harm: str
) -> None:
    plane.submit()
    back_up(plane.engine, tmp_path / "backup")
    broken = tmp_path / "broken"
    broken.write_bytes(HARMS[harm]((tmp_path / "backup").read_bytes()))
    fresh = open_engine(f"sqlite:///{tmp_path / 'fresh.db'}")
    migrate(fresh)
    with pytest.raises((ArchiveRefused, SchemaMismatch), match=r"broken|cannot be used") as refused:
        restore(fresh, broken)
    assert "\n" not in str(refused.value)
    with fresh.connect() as connection:
        tables = Base.metadata.sorted_tables
        assert not any(connection.scalar(select(func.count()).select_from(t)) for t in tables)
    fresh.dispose()


def test_a_backup_never_takes_the_place_of_another(plane: ControlPlane, tmp_path: Path) -> None:
    (tmp_path / "backup").write_text("mine")
    with pytest.raises(FileExistsError):
        back_up(plane.engine, tmp_path / "backup")
    assert [path.name for path in tmp_path.glob("backup*")] == ["backup"]
    assert (tmp_path / "backup").read_text() == "mine"
