"""CPU-seconds of optimization that each method needs to given training losses, on full MNIST.

    KBFGS_DATA=FOLDER OMP_NUM_THREADS=1 python -m benchmarks.time_to_loss --results FILE [--report]

FOLDER holds mnist/train-images-idx3-ubyte.gz. Each method tries its points for the first budget,
and its best one goes on to the second. Every finished run is a line of JSON in FILE and leaves a
checkpoint beside it: stopped at any time and called again, it goes on with what is missing.
`--report` prints the tables of what there is and trains nothing.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.autoencoder import MNIST_SIZES, autoencoder, training_pictures
from benchmarks.contenders import CONTENDERS
from benchmarks.timed_training import Problem, train

METHODS = tuple(name for name in CONTENDERS if name not in ("SGD", "Shampoo"))
LEVELS = (80.0, 60.0, 55.0)
Curve = tuple[tuple[float, int, float], ...]


@dataclass(frozen=True)
class Task:
    """A run: a method at one of its points, for a budget in CPU-seconds."""

    method: str
    point: dict[str, float]
    budget: float
    seed: int

    @property
    def label(self) -> str:
        """A name for its files; the budget is no part of it, since a longer run continues it."""
        settings = "-".join(f"{name}{value:g}" for name, value in self.point.items())
        return f"{self.method}-{settings}-seed{self.seed}"


@dataclass(frozen=True)
class Result:
    """What a run gave.

    Attributes:
        task: The run.
        curve: (CPU-seconds, steps, training loss) of each evaluation.
        diverged: Whether a loss was not finite.
        threads: Threads that torch used.
    """

    task: Task
    curve: Curve
    diverged: bool
    threads: int

    @property
    def final_loss(self) -> float:
        """The last training loss, infinite for a run that diverged."""
        return math.inf if self.diverged else self.curve[-1][2]

    def seconds_to(self, level: float) -> float | None:
        """CPU-seconds at the first evaluation at or below a level."""
        return next((seconds for seconds, _, loss in self.curve if loss <= level), None)


def main(
    arguments: Sequence[str] | None = None, *, pictures: Callable[[], Tensor] = training_pictures
) -> None:
    """Run what is missing, then print the tables."""
    options = _parser().parse_args(arguments)
    if not options.report:
        problem = Problem(
            pictures(),
            batch=options.batch,
            seed=options.seed,
            evaluate_every=options.evaluate_every,
        )
        while (task := next(_missing(options, read(options.results)), None)) is not None:
            result = _run(task, problem, options)
            _append(result, options.results)
            print(f"{task.label}, {task.budget:g} s: {result.final_loss:.2f}", flush=True)
    _print_points(read(options.results))
    _print_times(read(options.results), options.levels)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, required=True, help="one line of JSON a run")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--points", type=int, default=4, help="points that a method tries")
    parser.add_argument("--budgets", type=float, nargs=2, default=[90.0, 600.0])
    parser.add_argument("--levels", type=float, nargs="+", default=list(LEVELS))
    parser.add_argument("--sizes", type=int, nargs="+", default=list(MNIST_SIZES))
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--evaluate-every", type=float, default=4.0, help="CPU-seconds")
    return parser


def _missing(options: argparse.Namespace, results: Sequence[Result]) -> Iterator[Task]:
    """The runs still to be made: all points at the first budget, then each method's best."""
    first, second = options.budgets
    mine = [one for one in results if one.task.seed == options.seed]
    finished = {(one.task.label, one.task.budget) for one in mine}
    for index in range(options.points):
        for method in options.methods:
            for point in CONTENDERS[method].points[index : index + 1]:
                task = Task(method, dict(point), first, options.seed)
                if (task.label, first) not in finished:
                    yield task
    for method in options.methods:
        tried = [o for o in mine if o.task.method == method and o.task.budget == first]
        best = min(tried, key=lambda one: one.final_loss)
        if not best.diverged and (best.task.label, second) not in finished:
            yield Task(method, best.task.point, second, options.seed)


def _run(task: Task, problem: Problem, options: argparse.Namespace) -> Result:
    model = autoencoder(options.sizes, seed=task.seed)
    trainer = CONTENDERS[task.method].build(model, task.point)
    folder = options.results.with_suffix(".checkpoints")
    progress = train(trainer, problem, budget=task.budget, checkpoint=folder / f"{task.label}.pt")
    return Result(task, tuple(progress.curve), progress.diverged, torch.get_num_threads())


def _append(result: Result, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torn = path.exists() and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as lines:
        if torn:
            lines.write("\n")
        lines.write(json.dumps(asdict(result)) + "\n")


def read(path: Path) -> list[Result]:
    """The results so far; a last line that was cut off is left out."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            raw = json.loads(line)
        except json.JSONDecodeError:
            continue
        curve = tuple((seconds, steps, loss) for seconds, steps, loss in raw["curve"])
        found.append(Result(Task(**raw["task"]), curve, raw["diverged"], raw["threads"]))
    return found


def _print_points(results: Sequence[Result]) -> None:
    print(f"\n{'method':<16}{'CPU-s':>7}{'steps':>7}{'loss':>9}  point")
    for one in sorted(results, key=lambda one: (one.task.budget, one.task.method, one.final_loss)):
        settings = ", ".join(f"{name} {value:g}" for name, value in one.task.point.items())
        seconds, steps, _ = one.curve[-1]
        loss = "diverged" if one.diverged else f"{one.final_loss:.2f}"
        print(f"{one.task.method:<16}{seconds:>7.0f}{steps:>7}{loss:>9}  {settings}")


def _print_times(results: Sequence[Result], levels: Sequence[float]) -> None:
    """CPU-seconds to each level, of each method's longest run, the best one among equals."""
    print(f"\n{'method':<16}" + "".join(f"{f'to {level:g}':>12}" for level in levels) + "  point")
    for method in dict.fromkeys(one.task.method for one in results):
        longest = max(one.task.budget for one in results if one.task.method == method)
        runs = [o for o in results if o.task.method == method and o.task.budget == longest]
        best = min(runs, key=lambda one: one.final_loss)
        cells = []
        for level in levels:
            seconds = best.seconds_to(level)
            cells.append(f"> {longest:g} s" if seconds is None else f"{seconds:.0f} s")
        settings = ", ".join(f"{name} {value:g}" for name, value in best.task.point.items())
        print(f"{method:<16}" + "".join(f"{cell:>12}" for cell in cells) + f"  {settings}")


if __name__ == "__main__":
    main()
