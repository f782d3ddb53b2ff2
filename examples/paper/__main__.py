"""The paper's comparisons, drawn again.

    python -m examples.paper [--small] [--hours H] [--only NAME ...] [--out DIR] [--draw]

Runs each comparison by the local chain, or on the service that KBFGS_URL names, and writes a
figure for each and a page with all tables. Stopped at any time and called again, it goes on.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from examples.paper.deadline import Deadline
from examples.paper.figures import draw
from examples.paper.local import ROOT, LocalChain
from examples.paper.outcomes import Outcome
from examples.paper.server import Submitted
from examples.paper.tables import document

FULL = ("mnist-published", "mnist", "faces", "curves")
SMALL = ("mnist-small", "faces-small", "curves-small")
SPECS = Path(__file__).parent
PAGE = "README.md"
FULL_HOURS = 8.0


class Runner(Protocol):
    """Something that runs a comparison until a deadline."""

    def run(self, spec: Path, deadline: Deadline) -> Outcome:
        """What became of it."""
        ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, draw and write; 1 where there is nothing to draw."""
    options = _parser().parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    names = options.only or (SMALL if options.small else FULL)
    specs = [SPECS / f"{name}.yaml" for name in names]
    if options.draw:
        outcomes = [LocalChain(options.out).read(spec) for spec in specs]
    else:
        hours = options.hours or (None if options.small else FULL_HOURS)
        outcomes = _run(specs, _runner(options.out), Deadline(hours))
    drawn = [path for outcome in outcomes for path in draw(outcome, options.out)]
    page = options.out / PAGE
    page.write_text(document(outcomes, now=datetime.now(UTC)), encoding="utf-8")
    for path in (*drawn, page):
        print(f"wrote {path}")
    return 0 if drawn else 1


def _run(specs: Sequence[Path], runner: Runner, deadline: Deadline) -> list[Outcome]:
    outcomes = []
    for spec in specs:
        print(f"{spec.stem} ...", flush=True)
        outcome = runner.run(spec, deadline)
        print(f"{spec.stem}: {outcome.missing or 'complete'}", flush=True)
        outcomes.append(outcome)
    return outcomes


def _runner(out: Path) -> Runner:
    if not os.environ.get("KBFGS_URL"):
        return LocalChain(out)
    from api.client import Client

    return Submitted(Client.from_environment())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.paper",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--small", action="store_true", help="the offline forms, in minutes")
    parser.add_argument(
        "--hours", type=float, help=f"stop after so long (default: {FULL_HOURS:g}; small: none)"
    )
    parser.add_argument("--only", nargs="+", choices=(*FULL, *SMALL), metavar="NAME")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "reproduce")
    parser.add_argument("--draw", action="store_true", help="draw what there is, train nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
