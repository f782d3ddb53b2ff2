"""`service migrate`: brings the database to this version's schema."""

import argparse
import sys
from pathlib import Path

from service.commands.errors import cannot_write
from service.settings import Settings


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("migrate", help="bring the database to this version's schema")
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> None:
    """Migrate, and say to which revision."""
    from service.db.engine import open_engine
    from service.db.migrate import migrate

    settings = Settings.load()
    engine = open_engine(settings.database)
    if engine.url.database and engine.url.get_backend_name() == "sqlite":
        make_folder(Path(engine.url.database).parent)
    try:
        revision = migrate(engine)
    finally:
        engine.dispose()
    sys.stdout.write(f"the database is at revision {revision}\n")


def make_folder(folder: Path) -> None:
    """Make the folder of SQLite's file, where there is none.

    Raises:
        Refused: Where it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
