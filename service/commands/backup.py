"""`service backup` and `service restore`: the whole database in one file, and back."""

import argparse
import sys
from pathlib import Path

from service.commands.migrate import make_folder
from service.contracts.numbers import counted, size
from service.settings import Settings


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both commands."""
    backup = subparsers.add_parser(
        "backup", help="write the database into a file, while the service runs"
    )
    backup.add_argument("file", metavar="FILE", type=Path)
    backup.set_defaults(run=run_backup)
    restore = subparsers.add_parser(
        "restore", help="read a backup into an empty database, of SQLite or PostgreSQL"
    )
    restore.add_argument("file", metavar="FILE", type=Path)
    restore.set_defaults(run=run_restore)


def run_backup(arguments: argparse.Namespace) -> None:
    """Write the file, and say what is in it."""
    from service.db.archive import back_up
    from service.db.engine import open_engine

    engine = open_engine(Settings.load().database)
    try:
        rows = back_up(engine, arguments.file)
    finally:
        engine.dispose()
    length = size(arguments.file.stat().st_size)
    sys.stdout.write(f"{arguments.file}: {counted(rows, 'row')}, {length}\n")


def run_restore(arguments: argparse.Namespace) -> None:
    """Fill the database, and say with what."""
    from service.db.engine import open_engine
    from service.db.restore import restore

    engine = open_engine(Settings.load().database)
    if engine.url.database and engine.url.get_backend_name() == "sqlite":
        make_folder(Path(engine.url.database).parent)
    try:
        rows = restore(engine, arguments.file)
    finally:
        engine.dispose()
    sys.stdout.write(f"the database has {counted(rows, 'row')} now\n")
