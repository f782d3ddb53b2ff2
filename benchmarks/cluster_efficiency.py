"""How much of two cores a study trains on, beside a bare script with the same trials.

    python -m benchmarks.cluster_efficiency [--epochs 22] [--rounds 1]

A whole service runs 24 trials, two at a time; then two processes run the same trials one after
the other, without Ray, service or driver; and again, as often as asked, for what else a machine
does may fall on either. Efficiency is the seconds of training, evaluation and checkpoints in units
of twice the time from the first step to the last.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from api.client import Client
from service.contracts.catalogue import built_in
from service.contracts.events import Event, MetricPoint, TrialPoint
from service.contracts.plan import TrialAssignment
from service.contracts.states import ENDED_TRIALS, StudyKind
from service.contracts.views import ComparisonView, TrialView
from tests.support.running_service import running_service, wait_for
from workers.context import TrialFolder, TrialPlan
from workers.trial import Trial

AT_ONCE = 2
MOST_SECONDS = 3600.0
WARM_UP_EPOCHS = 1
METHODS = ("kbfgs", "kbfgs-l", "kfac")
POINTS = 8
PROBLEM = "mnist-5k-autoencoder"


@dataclass(frozen=True)
class Busy:
    """What a number of trials took, in seconds.

    Attributes:
        working: Training, evaluation and checkpoints of each, from its first figures to its last.
        wall: From the first step of any to the end of all.
    """

    working: tuple[float, ...]
    wall: float

    @property
    def efficiency(self) -> float:
        """The share of the processes' time that they worked."""
        return sum(self.working) / (AT_ONCE * self.wall)


def specification(epochs: int) -> Mapping[str, Any]:
    """A comparison whose searches are the trials."""
    return {
        "name": "efficiency of a study",
        "problems": [PROBLEM],
        "contenders": [{"optimizer": name} for name in METHODS],
        "budget": {"epochs": epochs},
        "tuning": {"trials": POINTS},
        "seeds": 1,
    }


def on_the_service(epochs: int) -> tuple[Busy, tuple[TrialView, ...]]:
    """Run the searches on a service of this machine; its Ray is warm when they begin."""
    with running_service() as service, service.client() as client:
        warm_up = client.submit({**specification(WARM_UP_EPOCHS), "tuning": {"trials": 1}})
        _searched(client, warm_up)
        comparison = client.submit(specification(epochs))
        trials = _searched(client, comparison)
        curves = {curve.trial_id: curve for curve in client.metrics(comparison.id)}
    working, begun, ended = [], [], []
    for trial in trials:
        assert trial.started_at is not None
        assert trial.ended_at is not None
        elapsed = curves[trial.id].elapsed_seconds
        working.append(elapsed[-1] - elapsed[0])
        begun.append(trial.started_at.timestamp() + elapsed[0])
        ended.append(trial.ended_at.timestamp())
    return Busy(tuple(working), max(ended) - min(begun)), trials


def _searched(client: Client, comparison: ComparisonView) -> tuple[TrialView, ...]:
    """The trials of the searches, once all of them ended; what follows is cancelled."""

    def ended() -> tuple[TrialView, ...]:
        trials = client.trials(comparison.id, kind=StudyKind.TUNING)
        return trials if all(trial.state in ENDED_TRIALS for trial in trials) else ()

    trials = wait_for(ended, MOST_SECONDS, "the searches")
    client.cancel(comparison.id)
    return trials


def bare(trials: Sequence[TrialView], epochs: int) -> Busy:
    """Run the same trials in two processes and nothing around them."""
    with tempfile.TemporaryDirectory(prefix="kb-") as folder:
        run = partial(_run, storage=Path(folder), epochs=epochs)
        pool = ProcessPoolExecutor(AT_ONCE, mp_context=get_context("spawn"))
        with pool:
            list(pool.map(run, [_brief(trial) for trial in trials[:AT_ONCE]]))  # imports
            found = list(pool.map(run, trials))
    began = min(first for _, first, _ in found)
    return Busy(tuple(w for w, _, _ in found), max(last for _, _, last in found) - began)


def _brief(trial: TrialView) -> TrialView:
    """A trial of that kind under a name of its own."""
    return trial.model_copy(update={"id": f"{trial.id}-warm-up"})


def _run(trial: TrialView, *, storage: Path, epochs: int) -> tuple[float, float, float]:
    """Seconds of work, and when it had its first figures and its last, by this machine's clock."""
    problem = built_in().problem(trial.problem)
    assert problem is not None
    plan = TrialPlan(
        comparison_id="bare",
        problem=trial.problem,
        batch_size=problem.batch_size,
        epochs=WARM_UP_EPOCHS if trial.id.endswith("-warm-up") else epochs,
        divergence_loss=problem.divergence_loss,
        threads=1,
        use_gpu=False,
        trial=TrialAssignment(
            trial_id=trial.id,
            contender=trial.contender,
            optimizer=trial.optimizer,
            settings=trial.settings,
            seed=trial.seed,
        ),
    )
    training = Trial(plan, TrialFolder.of(storage, comparison_id="bare", trial_id=trial.id))
    points = _points(training.start())
    began = time.time()
    while not training.ended:
        points += _points(training.advance())
    return points[-1].elapsed_seconds - points[0].elapsed_seconds, began, time.time()


def _points(events: Sequence[Event]) -> list[MetricPoint]:
    return [event.point for event in events if isinstance(event, TrialPoint)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both, and what the service adds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=22)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args(arguments)
    print("| round | | trials | seconds each | wall | efficiency |")
    print("| --- " * 6 + "|")
    ratios = []
    for number in range(options.rounds):
        service, trials = on_the_service(options.epochs)
        script = bare(trials, options.epochs)
        ratios.append(service.wall / script.wall)
        for name, busy in (("service", service), ("bare script", script)):
            print(f"| {number} | {name} | {_row(busy)} |", flush=True)
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    median = statistics.median(ratios)
    print(f"\nthe service took {each} times the script's wall time, median {median:.2f}")


def _row(busy: Busy) -> str:
    least, most = min(busy.working), max(busy.working)
    each = f"{least:.1f}-{most:.1f}"
    return f"{len(busy.working)} | {each} | {busy.wall:.1f} s | {busy.efficiency:.3f}"


if __name__ == "__main__":
    main()
