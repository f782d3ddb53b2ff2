"""`service prune`: what ended long ago goes, once one has seen what that is."""

import argparse
import sys
from contextlib import closing

from service.contracts.numbers import counted, size
from service.domain.retention import Weight
from service.settings import Settings

_MOST_DAYS = 36_500


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "prune", help="show what ended long ago, and remove it where asked to"
    )
    parser.set_defaults(run=run)
    parser.add_argument("what", choices=("comparisons", "logs"))
    parser.add_argument(
        "--days", type=_days, required=True, metavar="N", help="what ended longer ago than that"
    )
    parser.add_argument("--remove", action="store_true", help="remove it; else it is only shown")


def run(arguments: argparse.Namespace) -> None:
    """Say what there is, and remove it where asked to."""
    from service.bootstrap import build

    with closing(build(Settings.load())) as service:
        before, weight = service.pruning.older_than(arguments.days)
        if arguments.remove:
            remove = service.pruning.forget_logs
            if arguments.what == "comparisons":
                remove = service.pruning.forget
            remove(before)
    done = "removed" if arguments.remove else "would go with --remove"
    sys.stdout.write(f"ended before {before:%Y-%m-%d %H:%M}, {done}: ")
    sys.stdout.write(f"{_words(arguments.what, weight)}\n")


def _words(what: str, weight: Weight) -> str:
    comparisons = counted(weight.comparisons, "comparison")
    logs = f"{size(weight.log_characters)} of logs"
    if what == "logs":
        return f"{logs} of {comparisons}"
    trials, points = counted(weight.trials, "trial"), counted(weight.points, "point")
    return f"{comparisons} with {trials}, {points} and {logs}"


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_DAYS:
        raise argparse.ArgumentTypeError(f"must be 1 to {_MOST_DAYS} days, got {text!r}")
    return int(text)
