"""``python -m workers data list|fetch|verify``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from service.contracts import numbers
from workers.data import DataMissing, Library, UnknownDataSet, library
from workers.data.dataset import DataSet
from workers.data.verify import verify

_REFUSED = 2


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``data`` to the workers' commands."""
    data = commands.add_parser("data", help="list, fetch and verify the data sets")
    actions = data.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="which data sets there are, and where")
    for action, sentence in (
        ("fetch", "fetch the files that are missing into KBFGS_DATA"),
        ("verify", "check checksums and shapes of what is there"),
    ):
        parser = actions.add_parser(action, help=sentence)
        parser.add_argument("names", metavar="NAME", nargs="+", help="a data set")


def run(options: argparse.Namespace) -> int:
    """Run one of the three.

    Returns:
        The exit code: 0 where it went well, 2 where it was refused or something is wrong.
    """
    try:
        found = library()
        match options.action:
            case "list":
                return _list(found)
            case "fetch":
                return _fetch(found, options.names)
            case _:
                return _verify(found, options.names)
    except (DataMissing, UnknownDataSet) as error:
        sys.stderr.write(f"{error}\n")
        return _REFUSED


def _list(shelf: Library) -> int:
    header = ("NAME", "STATE", "SIZE", "WHERE")
    rows = [header, *(_row(shelf, dataset) for dataset in shelf.sets.values())]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        sys.stdout.write("  ".join((*cells, row[3])) + "\n")
    return 0


def _row(shelf: Library, dataset: DataSet) -> tuple[str, str, str, str]:
    """Name, state, size of the files, and where they are or are to be."""
    try:
        files = dataset.files(shelf.places.data)
    except DataMissing as error:
        return dataset.name, shelf.state(dataset.name), "-", str(error)
    here = [path.stat().st_size for path in files if path.is_file()]
    size = f"{sum(here) / 1e6:.1f} MB" if here else "-"
    return dataset.name, shelf.state(dataset.name), size, _where(files)


def _where(files: Sequence[Path]) -> str:
    match files:
        case []:
            return "drawn by these workers"
        case [path]:
            return str(path)
        case [path, *_]:
            return str(path.parent)
    raise AssertionError(files)


def _fetch(shelf: Library, names: Sequence[str]) -> int:
    for name in names:
        count = shelf.fetch(name)
        what = f"{numbers.counted(count, 'file')} fetched" if count else "nothing to fetch"
        sys.stdout.write(f"{name}: {what}, {shelf.state(name)}\n")
    return 0


def _verify(shelf: Library, names: Sequence[str]) -> int:
    findings = [finding for name in names for finding in verify(shelf, name)]
    for finding in findings:
        sys.stdout.write(f"{'good' if finding.good else 'BAD '}  {finding.text}\n")
    return 0 if all(finding.good for finding in findings) else _REFUSED
