"""The workers' commands: run a study, or a whole plan here; list what they have; bring data."""

import argparse
import logging
import os
import sys
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from workers.data import commands as data_commands

BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    options = _parser().parse_args(arguments)
    if options.command == "problems":
        return _problems()
    if options.command == "plugins":
        return _plugins()
    if options.command == "data":
        return data_commands.run(options)
    if options.local is not None:
        return _run_local(options.local, options.out or Path("run"))
    if options.out is not None:
        return _refuse("--out is for --local PLAN: a study in a Ray job reports to its service")
    return _run_study()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "run",
        help="run the study that the environment names, inside a Ray job; or a plan, here",
    )
    run.add_argument("--local", metavar="PLAN", type=Path, help="a plan to run in this process")
    run.add_argument(
        "--out", metavar="DIR", type=Path, help="where the results of --local go (default: run)"
    )
    commands.add_parser("problems", help="list the problems that these workers can train on")
    commands.add_parser("plugins", help="import every installed plug-in and say what is broken")
    data_commands.add_parser(commands)
    return parser


def _run_study() -> int:
    began_at = datetime.now(UTC)
    from workers.capture import driver_output
    from workers.driver import BAD_ENVIRONMENT, BadEnvironment, DriverSettings, drive
    from workers.search import connect, run_trials

    try:
        settings = DriverSettings.from_environment(os.environ)
    except BadEnvironment as error:
        print(error, file=sys.stderr)
        return BAD_ENVIRONMENT
    return drive(settings, run_trials, connect=connect, began_at=began_at, capture=driver_output)


def _run_local(plan: Path, folder: Path) -> int:
    try:
        from workers.local import RunRefused, run_local
    except ModuleNotFoundError as error:
        return _refuse(
            f"--local needs the module {error.name}, which is not installed here: "
            "run it from a whole checkout"
        )
    try:
        run_local(plan, folder)
    except RunRefused as error:
        return _refuse(str(error))
    return 0


def _problems() -> int:
    from service.contracts import numbers
    from service.contracts.catalogue import installed
    from service.contracts.metrics import Metric
    from workers.data import DataMissing, library
    from workers.plugins import fault_of

    try:
        shelf = library()
    except DataMissing as error:
        return _refuse(str(error))
    for entry in installed().problems:
        if fault := fault_of(entry):
            print(fault, file=sys.stderr)
            continue
        print(f"{entry.name}: {entry.title}")
        print(textwrap.fill(entry.summary, 88, initial_indent="  ", subsequent_indent="  "))
        print(f"  usually {entry.epochs} epochs in batches of {entry.batch_size}")
        measured = numbers.listed([metric.words for metric in entry.metrics])
        decides = f"{Metric(entry.selection_metric).words} decides; measures {measured}"
        print(textwrap.fill(decides, 88, initial_indent="  ", subsequent_indent="  "))
        if entry.data is not None:
            known = entry.data in shelf.sets
            print(f"  data {entry.data}: {shelf.state(entry.data) if known else 'its own'}")
    return 0


def _plugins() -> int:
    from service.contracts.catalogue import look
    from workers.plugins import fault_of

    found = look()
    lines = [str(plugin) for plugin in found.disabled]
    for plugin in found.plugins:
        faults = [fault for entry in plugin.entries if (fault := fault_of(entry))]
        lines += faults or [str(plugin)]
    print("\n".join(lines) or "no plug-ins are installed")
    return 0


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)
    return BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
