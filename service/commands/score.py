"""``python -m service score DIR``: the verdict on a run without a server."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from service.commands.errors import Refused, cannot_read, cannot_write
from service.contracts.catalogue import Catalogue, installed
from service.contracts.errors import first_error
from service.contracts.event_lines import LOCAL_COMPARISON, LineRefused, parse_events
from service.contracts.forms import ReportForm
from service.contracts.plan import Plan
from service.domain.replay import replay
from service.domain.results import ComparisonResults

_ALWAYS = (ReportForm.JSON, ReportForm.HTML)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``score`` to the service's commands."""
    parser = subparsers.add_parser("score", help="print the verdict on a local run")
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="what `python -m workers run --local` wrote"
    )
    parser.add_argument(
        "--format",
        dest="forms",
        action="append",
        type=ReportForm,
        choices=[form for form in ReportForm if form not in _ALWAYS],
        default=[],
        help="write the report in this form too; may be given several times",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Print the sentence and the tables, write report.json, report.html and what is asked for.

    A run that is complete has its capsule.json besides.

    Raises:
        Refused: Where the folder holds no run or cannot be written.
    """
    from service.domain.capsules import make_capsule
    from service.domain.scoring import score
    from service.exports.rendering import render_report
    from service.exports.text import render_text

    folder: Path = args.folder
    catalogue = installed()
    plan = _read_plan(folder)
    results = _replayed(folder, plan, catalogue)
    report = score(results, catalogue, now=datetime.now(UTC))
    for form in dict.fromkeys((*_ALWAYS, *args.forms)):
        _write(folder / f"report.{form.suffix}", render_report(report, form, lambda: results))
    if results.complete:
        capsule = make_capsule(results, plan.seeds, catalogue, at=datetime.now(UTC))
        _write(folder / "capsule.json", capsule.model_dump_json(indent=2).encode())
    sys.stdout.write(render_text(report))
    sys.stdout.write(f"\n{folder / 'report.html'}\n")


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise cannot_write(path, error) from error


def read_folder(folder: Path, catalogue: Catalogue) -> ComparisonResults:
    """The results of a local run from its plan.json and events.jsonl.

    Raises:
        Refused: Where one of the two is missing or not what it should be.
    """
    return _replayed(folder, _read_plan(folder), catalogue)


def _read_plan(folder: Path) -> Plan:
    path = folder / "plan.json"
    try:
        return Plan.model_validate_json(path.read_bytes())
    except OSError as error:
        raise cannot_read(path, error) from error
    except ValidationError as error:
        raise Refused(f"{path} is not a plan: {first_error(error)}") from error


def _replayed(folder: Path, plan: Plan, catalogue: Catalogue) -> ComparisonResults:
    path = folder / "events.jsonl"
    try:
        lines = parse_events(path.read_bytes())
    except OSError as error:
        raise cannot_read(path, error) from error
    except LineRefused as error:
        raise Refused(f"{path}:{error}") from error
    events = (line.event for line in lines)
    return replay(plan, events, catalogue, comparison_id=LOCAL_COMPARISON)
