"""The migrations lead to the tables that the code declares, and refuse what they do not know."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from service.bootstrap import SchemaMismatch, build
from service.db.engine import open_engine
from service.db.migrate import check_revision, migrate
from service.db.models import Base
from service.settings import Settings


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
