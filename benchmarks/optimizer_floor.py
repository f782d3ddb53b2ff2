"""Where each optimizer of the catalogue ends at the best of a few searched points.

On a problem whose optimum is known, the table gives the floor: the training loss above the
optimum. Points are those that a comparison with seed 0 would search; all else has the catalogue's
defaults, but for the schedule and the weight decay, which is off: it is no part of the loss.

    OMP_NUM_THREADS=1 python -m benchmarks.optimizer_floor
    OMP_NUM_THREADS=1 python -m benchmarks.optimizer_floor --problem mnist-5k-autoencoder \\
        --epochs 5 --schedule constant
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from service.contracts.base import SettingValue
from service.contracts.catalogue import OptimizerEntry, ProblemEntry, built_in
from service.contracts.numbers import number, settings
from service.contracts.plan import Point
from service.domain.draws import sobol_points
from workers.loop import Diverged, RunSettings, TrainingRun
from workers.problems import build_problem

COMPARISON_SEED = 0
TRAINING_SEED = 1
POINTS = 8


@dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
        point: The searched settings.
        first: Training loss at the initial weights.
        last: Training loss at the end; infinite where the run diverged.
        evaluations: Gradients of a mini-batch.
        seconds: CPU seconds of optimization.
    """

    point: Point
    first: float
    last: float
    evaluations: float
    seconds: float


def searched(entry: OptimizerEntry, points: int = POINTS) -> tuple[Point, ...]:
    """The points that a comparison would try first."""
    return sobol_points(COMPARISON_SEED, entry.space, points)


def train(
    problem: ProblemEntry,
    entry: OptimizerEntry,
    point: Point,
    *,
    epochs: int,
    fixed: Mapping[str, SettingValue],
) -> Run:
    """Train at a point from the initial weights of the training seed."""
    defaults = {setting.name: setting.default for setting in entry.settings}
    run = TrainingRun(
        build_problem(problem.name),
        RunSettings(
            optimizer=entry.name,
            settings={**defaults, **fixed, **point},
            seed=TRAINING_SEED,
            batch_size=problem.batch_size,
            epochs=epochs,
            divergence_loss=problem.divergence_loss,
            device=torch.device("cpu"),
        ),
    )
    begun = ended = run.begin()
    try:
        for _ in range(epochs):
            ended = run.epoch()
            run.check(ended)
    except Diverged:
        ended = ended.model_copy(update={"train_loss": None})
    return Run(
        point=point,
        first=_loss(begun.train_loss),
        last=_loss(ended.train_loss),
        evaluations=ended.gradient_evaluations,
        seconds=ended.process_seconds,
    )


def best(runs: Sequence[Run]) -> Run:
    """The run with the lowest loss at its end."""
    return min(runs, key=lambda run: run.last)


def table(problem: ProblemEntry, ended: Mapping[str, Sequence[Run]]) -> Iterator[str]:
    """A table of the best runs, line by line."""
    reached = "loss, from → to" if problem.optimum is None else "above the optimum"
    yield f"| optimizer | {reached} | best point | diverged | gradients | CPU-seconds |"
    yield "| --- " * 6 + "|"
    for name, runs in ended.items():
        run = best(runs)
        diverged = sum(math.isinf(one.last) for one in runs)
        cells = (
            f"`{name}`",
            _reached(run, problem.optimum),
            settings(run.point),
            f"{diverged} of {len(runs)}",
            f"{run.evaluations:,.0f}",
            number(run.seconds),
        )
        yield f"| {' | '.join(cells)} |"


def _reached(run: Run, optimum: float | None) -> str:
    if optimum is None:
        return f"{number(run.first)} → {number(run.last)}"
    return f"{run.last - optimum:.1e}"


def _loss(loss: float | None) -> float:
    return math.inf if loss is None else loss


def main(arguments: Sequence[str] | None = None) -> None:
    """Train every optimizer at every point and print the table."""
    catalogue = built_in()
    names = [entry.name for entry in catalogue.optimizers]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problem", default="logistic-regression")
    parser.add_argument("--epochs", type=int, help="default: the problem's")
    parser.add_argument("--points", type=int, default=POINTS, help="a power of two")
    parser.add_argument("--schedule", default="cosine", choices=("constant", "cosine"))
    parser.add_argument("--only", nargs="+", default=names, choices=names, metavar="OPTIMIZER")
    chosen = parser.parse_args(arguments)
    problem = catalogue.problem(chosen.problem)
    if problem is None:
        parser.error(f"no problem {chosen.problem!r}")
    fixed: dict[str, SettingValue] = {"schedule": chosen.schedule, "weight_decay": 0.0}
    torch.set_num_threads(1)
    ended: dict[str, list[Run]] = {}
    for entry in catalogue.optimizers:
        if entry.name in chosen.only:
            ended[entry.name] = [
                train(problem, entry, point, epochs=chosen.epochs or problem.epochs, fixed=fixed)
                for point in searched(entry, chosen.points)
            ]
            print(f"# {entry.name}: " + " ".join(f"{run.last:.5g}" for run in ended[entry.name]))
    print("\n".join(table(problem, ended)))


if __name__ == "__main__":
    main()
