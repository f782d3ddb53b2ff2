"""Do harm to the control plane under load, and see that nothing was lost.

    python -m benchmarks.service_faults --results FILE [--kinds web disk ...] [--report]

The web has two processes and the dispatcher one, watched over as `service up` does; Ray alone is
stood in for, so that drivers send what no one trains. Clients submit, cancel and look on all the
while. Each repetition is a line of JSON in FILE: stopped at any time and called again, it goes on
with what is missing. `--report` prints the table and runs nothing. The full disk needs root, the
clock libfaketime.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.repetitions import append, read
from benchmarks.service_faults.findings import found
from benchmarks.service_faults.kinds import BOTH, FAULTS
from benchmarks.service_faults.load import Load


@dataclass(frozen=True)
class Repetition:
    """What became of a control plane that was harmed.

    Attributes:
        kind: The kind of harm.
        database: On what.
        number: Which of its repetitions.
        away: Seconds until all worked again, after each time.
        comparisons: How many were accepted meanwhile.
        points: Metric points that were stored.
        attempts: The most attempts that a study took.
        seconds: How long all of it took.
        load: The machine's load average at the end.
        faults: What was not as it should be; empty where nothing was lost.
    """

    kind: str
    database: str
    number: int
    away: tuple[float, ...]
    comparisons: int
    points: int
    attempts: int
    seconds: float
    load: float
    faults: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, print the table; 1 where something was lost."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # nothing is left behind
    logging.getLogger("workers").setLevel(logging.CRITICAL)  # drivers that are stopped say so
    if not options.report:
        for kind in options.kinds:
            for database in FAULTS[kind].databases:
                if database in options.databases:
                    _repeat(kind, database, options)
    done = list(read(options.results, Repetition))
    print("\n".join(table(done)))
    return int(any(one.faults for one in done))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=Path("out/service_faults.jsonl"))
    parser.add_argument("--kinds", nargs="+", choices=FAULTS, default=list(FAULTS))
    parser.add_argument("--databases", nargs="+", choices=BOTH, default=list(BOTH))
    parser.add_argument("--repeats", type=int, default=2, help="at most, of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", action="store_true")
    return parser


def _repeat(kind: str, database: str, options: argparse.Namespace) -> None:
    """The missing repetitions of a kind on a database."""
    before = [(one.kind, one.database, one.number) for one in read(options.results, Repetition)]
    for number in range(min(FAULTS[kind].repeats, options.repeats)):
        if (kind, database, number) not in before:
            one = repetition(kind, database, number, seed=options.seed)
            append(one, options.results)
            words = ", ".join(one.faults) or "nothing lost"
            print(f"{kind}, {database} {number}: {words}; {one.seconds:.0f} s", flush=True)


def repetition(kind: str, database: str, number: int, *, seed: int) -> Repetition:
    """Harm a control plane of its own, and look at what is left."""
    began, fault = time.monotonic(), FAULTS[kind]
    moments = random.Random(f"{seed} {kind} {database} {number}")
    with (
        tempfile.TemporaryDirectory(prefix="kb-") as folder,
        fault.running(database, Path(folder)) as plant,
    ):
        load, wrong, away = Load(plant), "", ()
        try:
            with load.on():
                away = tuple(fault.harm(plant, moments))
        except AssertionError as error:
            wrong = str(error)
        left = found(load)
        return Repetition(
            kind=kind,
            database=database,
            number=number,
            away=away,
            comparisons=left.comparisons,
            points=left.points,
            attempts=left.attempts,
            seconds=time.monotonic() - began,
            load=os.getloadavg()[0],
            faults=((wrong,) if wrong else ()) + left.faults,
        )


def table(done: Sequence[Repetition]) -> Iterator[str]:
    """What was done how often and what was lost, line by line."""
    yield (
        "| harm | database | times | seconds until all works, median and most | comparisons "
        "| points | most attempts | lost or doubled |"
    )
    yield "| --- " * 8 + "|"
    for kind, fault in FAULTS.items():
        for database in fault.databases:
            ones = [one for one in done if (one.kind, one.database) == (kind, database)]
            if ones:
                yield f"| {fault.title} | {database} | {' | '.join(_cells(ones))} |"


def _cells(ones: Sequence[Repetition]) -> Iterator[str]:
    away = [seconds for one in ones for seconds in one.away] or [float("nan")]
    yield str(sum(len(one.away) for one in ones))
    yield f"{statistics.median(away):.1f}, {max(away):.1f}"
    yield f"{sum(one.comparisons for one in ones):,}"
    yield f"{sum(one.points for one in ones):,}"
    yield str(max(one.attempts for one in ones))
    yield ", ".join(sorted({words for one in ones for words in one.faults})) or "nothing"


if __name__ == "__main__":
    sys.exit(main())
