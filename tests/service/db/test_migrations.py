"""The migrations lead to the tables that the code declares, and refuse what they do not know."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData, column, inspect, select, table, text

from service.bootstrap import SchemaMismatch, build
from service.contracts.logs import LogBatch, LogChunk
from service.db import migrations
from service.db.engine import open_engine
from service.db.migrate import check_revision, migrate, revision_of
from service.db.migrate import downgrade as down
from service.db.migrate import upgrade as up
from service.db.models import Base
from service.db.unit_of_work import SqlUnits
from service.settings import Settings
from tests.support.control_plane import ControlPlane, point


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    yield engine
    engine.dispose()


def test_the_migrated_database_has_the_declared_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    assert set(inspect(engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}


def test_migrating_twice_changes_nothing(engine: Engine) -> None:
    assert migrate(engine) == migrate(engine)


def test_points_keep_what_both_revisions_know(plane_on_both: ControlPlane) -> None:
    """0001 knows the losses of training and test alone."""
    engine, units = plane_on_both.engine, SqlUnits(plane_on_both.engine)
    comparison_id = plane_on_both.submit()
    measured = point(1).model_copy(update={"test_loss": 0.5, "validation_accuracy": 0.25})
    with units.write() as unit:
        key = unit.trials.of(comparison_id)[0].key
        unit.points.upsert(1, [(key, measured)])
    downgrade(engine, "0001")
    columns = {one["name"] for one in inspect(engine).get_columns("points")}
    assert {"train_loss", "test_loss"} < columns
    assert not {"validation_loss", "validation_accuracy"} & columns
    migrate(engine)
    with units.read() as unit:
        (found,) = unit.points.of([key])[key]
    assert found == measured.model_copy(update={"validation_accuracy": None})


def test_the_length_of_a_log_is_counted_where_it_was_not(plane_on_both: ControlPlane) -> None:
    """0007 does not know it."""
    plane = plane_on_both
    plane.submit()
    plane.tick()
    study_id = plane.driver().study_id
    chunk = LogChunk(number=0, at=plane.clock.now(), text="zwei äöü\n")
    plane.service.logs.record(study_id, LogBatch(attempt=1, chunks=(chunk,)))
    downgrade(plane.engine, "0007")
    migrate(plane.engine)
    with SqlUnits(plane.engine).read() as unit:
        assert unit.logs.characters(study_id) == 9


def test_every_revision_goes_down_and_up_with_data_in_place(plane_on_both: ControlPlane) -> None:
    """What 0001 knows of is the same afterwards, row for row."""
    plane, engine = plane_on_both, plane_on_both.engine
    plane.submit()
    plane.tick()
    plane.driver().run()
    folder = Path(migrations.__file__).parent / "versions"
    revisions = sorted((one.name[:4] for one in folder.glob("0*.py")), reverse=True)
    kept = oldest_rows(engine)
    assert all(kept[name] for name in ("comparisons", "trials", "points", "changes"))
    for revision in revisions[1:]:
        downgrade(engine, revision)
        assert oldest_rows(engine) == kept
    for revision in reversed(revisions):
        with engine.begin() as connection:
            up(connection, revision)
        assert oldest_rows(engine) == kept
    assert plane.service.comparisons.page().items[0].contenders[0].epochs_done > 0


KILLED = """
import os, signal, sys
from sqlalchemy import event
from service.db.engine import open_engine
from service.db.migrate import migrate
engine = open_engine(sys.argv[1])
done = []
@event.listens_for(engine, "after_cursor_execute")
def kill(connection, cursor, statement, *_):
    done.extend([statement] if statement.lstrip().startswith(("ALTER", "CREATE")) else [])
    if len(done) == 7:
        os.kill(os.getpid(), signal.SIGKILL)
migrate(engine)
"""


@pytest.mark.process
def test_a_migration_that_is_killed_has_done_nothing(plane_on_both: ControlPlane) -> None:
    engine = plane_on_both.engine
    plane_on_both.submit()
    downgrade(engine, "0001")
    kept = oldest_rows(engine)
    url = engine.url.render_as_string(hide_password=False)
    engine.dispose()
    ended = subprocess.run([sys.executable, "-c", KILLED, url], env={"PYTHONPATH": "."})
    assert ended.returncode == -signal.SIGKILL
    assert "memory" not in {one["name"] for one in inspect(engine).get_columns("studies")}
    with engine.connect() as connection:
        assert revision_of(connection) == "0001"
    migrate(engine)
    assert oldest_rows(engine) == kept


def oldest_rows(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    """The rows of the tables of 0001, by the columns that those had."""
    empty = open_engine("sqlite://")
    with empty.begin() as connection:
        up(connection, "0001")
        known = MetaData()
        known.reflect(connection)
    empty.dispose()
    tables = [table(one.name, *map(column, one.columns.keys())) for one in known.sorted_tables]
    with engine.connect() as connection:
        return {
            one.name: sorted(map(tuple, connection.execute(select(one))), key=repr)
            for one in tables
            if one.name != "alembic_version"
        }


def downgrade(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        down(connection, revision)


def test_a_newer_database_is_refused_in_one_sentence(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for ask in (migrate, check_revision):
        with pytest.raises(SchemaMismatch, match="9999, which this version does not know") as info:
            ask(engine)
        assert "\n" not in str(info.value)


def test_a_database_without_tables_says_what_to_do(empty: Engine, tmp_path: Path) -> None:
    with pytest.raises(SchemaMismatch, match="python -m service migrate"):
        check_revision(empty)
    with pytest.raises(SchemaMismatch):
        build(Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path / 'empty.db'}"))
