"""Do harm to a running service, at seeded random moments, and see that nothing was lost.

    python -m benchmarks.faults --results FILE [--kinds driver web ...] [--repeats 10] [--report]

Every repetition is a comparison of two searches and their finals, harmed once, and held against
one that nobody disturbed: it must finish, hold each epoch of each trial once, and have the same
points, selection and losses bit for bit. Each is a line of JSON in FILE: stopped at any time and
called again, it goes on with what is missing. `--report` prints the table and runs nothing.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.client import Client
from benchmarks.faults.courses import Course, course, epochs_done
from benchmarks.faults.harm import FAULTS, Fault
from benchmarks.repetitions import append, read
from tests.support.running_service import RunningService, wait_for

BEGINS_WITHIN = 300.0
WEB_WITHIN = 120.0
"""Seconds in which trials must come so far, and a web be there again."""
EARLIEST, LATEST = 0.05, 0.95
"""Between these shares of all epochs harm is done."""


@dataclass(frozen=True)
class Repetition:
    """What became of a comparison that was harmed.

    Attributes:
        kind: The kind of harm.
        number: Which of its repetitions.
        share: Of all epochs, how many were done when it was harmed, as it was drawn.
        epochs: How many they were.
        seconds: From submission to the end.
        undisturbed_seconds: The same without harm, in the same service.
        attempts: The most attempts that a study took.
        faults: What was not as it should be; empty where nothing was lost.
    """

    kind: str
    number: int
    share: float
    epochs: int
    seconds: float
    undisturbed_seconds: float
    attempts: int
    faults: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, print the table; 1 where something was lost."""
    options = _parser().parse_args(arguments)
    if not options.report:
        for kind in options.kinds:
            _repeat(kind, options)
    found = list(read(options.results, Repetition))
    print("\n".join(table(found)))
    return int(any(one.faults for one in found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=Path("out/faults.jsonl"))
    parser.add_argument("--kinds", nargs="+", choices=FAULTS, default=list(FAULTS))
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", action="store_true")
    return parser


def _repeat(kind: str, options: argparse.Namespace) -> None:
    """The missing repetitions of a kind, in one service."""
    done = {one.number for one in read(options.results, Repetition) if one.kind == kind}
    missing = [number for number in range(options.repeats) if number not in done]
    if not missing:
        return
    fault = FAULTS[kind]
    with fault.running() as service, patient_client(service) as client:
        began = time.monotonic()
        undisturbed = course(client, client.submit(fault.spec))
        usual = time.monotonic() - began
        for number in missing:
            share = moment(kind, number, options.seed)
            began = time.monotonic()
            epochs, ended = harmed(service, client, fault, share=share)
            one = Repetition(
                kind=kind,
                number=number,
                share=share,
                epochs=epochs,
                seconds=time.monotonic() - began,
                undisturbed_seconds=usual,
                attempts=ended.attempts,
                faults=ended.faults(undisturbed, epochs=fault.spec["budget"]["epochs"]),
            )
            append(one, options.results)
            print(f"{kind} {number}: {', '.join(one.faults) or 'nothing lost'}", flush=True)


def patient_client(service: RunningService) -> Client:
    """A client that waits for a web that was killed."""
    return Client.from_environment(service.environment, patience=WEB_WITHIN)


def moment(kind: str, number: int, seed: int) -> float:
    """When harm is done, as a share of all epochs; the same for the same seed."""
    return random.Random(f"{seed} {kind} {number}").uniform(EARLIEST, LATEST)


def harmed(
    service: RunningService, client: Client, fault: Fault, *, share: float
) -> tuple[int, Course]:
    """Submit the fault's comparison and harm it at that share of its epochs.

    Returns:
        The epochs that were done by then, and the course.
    """
    comparison = client.submit(fault.spec)
    at = share * _all_epochs(fault.spec)
    wait_for(lambda: epochs_done(client, comparison) >= at, BEGINS_WITHIN, f"{at:.0f} epochs")
    epochs = epochs_done(client, comparison)
    fault.harm(service, comparison.id)
    return epochs, course(client, comparison)


def _all_epochs(spec: Mapping[str, Any]) -> int:
    runs = spec["tuning"]["trials"] + spec["seeds"]
    return len(spec["contenders"]) * runs * int(spec["budget"]["epochs"])


def table(found: Sequence[Repetition]) -> Iterator[str]:
    """What was done how often, and what was lost, line by line."""
    yield "| harm | times | nothing lost | most attempts | seconds more, median | lost |"
    yield "| --- " * 6 + "|"
    for kind, fault in FAULTS.items():
        ones = [one for one in found if one.kind == kind]
        if not ones:
            continue
        more = statistics.median(one.seconds - one.undisturbed_seconds for one in ones)
        lost = sorted({words for one in ones for words in one.faults})
        cells = (
            fault.title,
            str(len(ones)),
            str(sum(not one.faults for one in ones)),
            str(max(one.attempts for one in ones)),
            f"{more:.0f}",
            ", ".join(lost),
        )
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
