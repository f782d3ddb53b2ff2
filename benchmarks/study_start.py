"""What it takes from a submission to the first metric, phase by phase, and to a further trial.

Beside a running service (`make up`): submits a comparison of one contender, with a small search
and finals that run one after another, and prints what the service has measured of its studies.
"""

import argparse
import os
import statistics
import time
from collections.abc import Sequence
from itertools import pairwise

from api.client import Client
from service.contracts.start import StartView
from service.contracts.states import ENDED_COMPARISONS, StudyKind
from service.contracts.views import StudyView, TrialView

PHASES = tuple(name for name in StartView.model_fields if name != "total_seconds")
POLL_SECONDS = 0.5


def spec(problem: str, *, trials: int, seeds: int) -> dict[str, object]:
    """A comparison that is over soon."""
    return {
        "name": "what a start takes",
        "problems": [problem],
        "contenders": [{"optimizer": "adam"}],
        "budget": {"epochs": 2},
        "tuning": {"trials": trials},
        "seeds": seeds,
    }


def further_trials(trials: Sequence[TrialView]) -> list[float]:
    """Seconds from the end of each trial of the finals to the first metric of the next.

    A trial's start is told together with its first metric.
    """
    finals = [trial for trial in trials if trial.kind is StudyKind.FINALS]
    return [
        (after.started_at - before.ended_at).total_seconds()
        for before, after in pairwise(finals)
        if after.started_at and before.ended_at
    ]


def table(studies: Sequence[StudyView]) -> str:
    """The phases of every study, in Markdown."""
    starts = [(study.kind, study.start) for study in studies if study.start]
    heads = [name.removesuffix("_seconds") for name in PHASES]
    lines = [
        f"| study | {' | '.join(heads)} | without waiting |",
        f"| --- | {' | '.join('---' for _ in heads)} | --- |",
    ]
    for kind, start in starts:
        phases = " | ".join(f"{getattr(start, name):.2f}" for name in PHASES)
        lines.append(f"| {kind} | {phases} | {start.total_seconds:.2f} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison and print its figures, in seconds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study_start", description=__doc__)
    parser.add_argument("--problem", default="mnist-5k-autoencoder")
    parser.add_argument("--trials", type=int, default=2, help="of the search")
    parser.add_argument("--seeds", type=int, default=6, help="of the finals")
    options = parser.parse_args(arguments)
    with Client.from_environment(os.environ) as client:
        view = client.submit(spec(options.problem, trials=options.trials, seeds=options.seeds))
        while client.get(view.id).state not in ENDED_COMPARISONS:
            time.sleep(POLL_SECONDS)
        print(table(client.studies(view.id)))
        gaps = further_trials(client.trials(view.id))
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"a further trial: median {statistics.median(gaps):.2f} s of {len(gaps)}")
    print(f"load averages {load} on {os.cpu_count()} CPUs")


if __name__ == "__main__":
    main()
