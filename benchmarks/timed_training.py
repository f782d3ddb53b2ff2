"""One training run on a clock that counts CPU-seconds of optimization alone.

The clock runs during the warm start and the steps; it stands still during evaluation, the gathering
of mini-batches, and saving.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.autoencoder import reconstruction_loss
from benchmarks.contenders import Trainer


@dataclass(frozen=True)
class Problem:
    """What is trained on, and how it is looked at.

    Attributes:
        pictures: Training data, shape (rows, pixels).
        batch: Rows of a mini-batch; the last incomplete one of an epoch is left out.
        evaluated: The loss is taken on this many first rows.
        seed: Of the order of the rows.
        warm_start_batches: Mini-batches that a warm start sees.
        evaluate_every: CPU-seconds of optimization between two evaluations.
        save_every: CPU-seconds of optimization between two checkpoints.
    """

    pictures: Tensor
    batch: int = 1000
    evaluated: int = 10_000
    seed: int = 0
    warm_start_batches: int = 10
    evaluate_every: float = 4.0
    save_every: float = 60.0

    def batches(self, first_step: int) -> Iterator[Tensor]:
        """Mini-batches without end, from this step on; each epoch in its own order."""
        an_epoch = len(self.pictures) // self.batch
        step = first_step
        while True:
            epoch, start = divmod(step, an_epoch)
            generator = torch.Generator().manual_seed(1_000_003 * self.seed + epoch)
            order = torch.randperm(len(self.pictures), generator=generator)
            for rows in order.split(self.batch)[start:an_epoch]:
                yield self.pictures[rows]
            step = (epoch + 1) * an_epoch


@dataclass
class Progress:
    """How far a run has come.

    Attributes:
        steps: Steps taken.
        seconds: CPU-seconds of optimization.
        curve: (CPU-seconds, steps, training loss) of each evaluation.
        diverged: Whether a loss was not finite.
    """

    steps: int = 0
    seconds: float = 0.0
    curve: list[tuple[float, int, float]] = field(default_factory=list)
    diverged: bool = False


Clock = Callable[[], float]


def train(
    trainer: Trainer,
    problem: Problem,
    *,
    budget: float,
    checkpoint: Path,
    clock: Clock = time.process_time,
) -> Progress:
    """Train until the budget is spent, from the checkpoint where there is one.

    Args:
        trainer: The model with its optimizer, untrained.
        problem: The data.
        budget: CPU-seconds of optimization from the beginning of the run.
        checkpoint: Where the run is saved, and continued from.
        clock: CPU-seconds of this process.
    """
    progress = _load(trainer, checkpoint)
    if not progress.curve:
        _evaluate(trainer, problem, progress)
        with _Stopwatch(progress, clock):
            batches = problem.pictures.split(problem.batch)
            trainer.warm_start(batches[: problem.warm_start_batches])
    evaluated = saved = progress.seconds
    for pictures in problem.batches(progress.steps):
        if progress.seconds >= budget or progress.diverged:
            break
        _step(trainer, pictures, progress, clock)
        if progress.seconds - evaluated >= problem.evaluate_every:
            evaluated = progress.seconds
            _evaluate(trainer, problem, progress)
        if progress.seconds - saved >= problem.save_every:
            saved = progress.seconds
            _save(trainer, progress, checkpoint)
    if progress.curve[-1][1] != progress.steps:
        _evaluate(trainer, problem, progress)
    _save(trainer, progress, checkpoint)
    return progress


class _Stopwatch:
    """Adds the CPU-seconds of a block to a run's."""

    def __init__(self, progress: Progress, clock: Clock) -> None:
        self._progress = progress
        self._clock = clock

    def __enter__(self) -> None:
        self._start = self._clock()

    def __exit__(self, *_error: object) -> None:
        self._progress.seconds += self._clock() - self._start


def _step(trainer: Trainer, pictures: Tensor, progress: Progress, clock: Clock) -> None:
    try:
        with _Stopwatch(progress, clock):
            loss = float(trainer.step(pictures))
    except (ArithmeticError, torch.linalg.LinAlgError):
        loss = math.nan
    progress.steps += 1
    progress.diverged = not math.isfinite(loss)


def _evaluate(trainer: Trainer, problem: Problem, progress: Progress) -> None:
    pictures = problem.pictures[: problem.evaluated]
    with torch.no_grad():
        total = sum(
            float(reconstruction_loss(trainer.model(part), part)) * len(part)
            for part in pictures.split(problem.batch)
        )
    loss = total / len(pictures)
    progress.diverged = progress.diverged or not math.isfinite(loss)
    progress.curve.append((progress.seconds, progress.steps, loss))


def _load(trainer: Trainer, checkpoint: Path) -> Progress:
    if not checkpoint.exists():
        return Progress()
    saved = torch.load(checkpoint, weights_only=True)
    trainer.load(saved["trainer"])
    torch.set_rng_state(saved["random_state"])
    return Progress(**saved["progress"])


def _save(trainer: Trainer, progress: Progress, checkpoint: Path) -> None:
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    unfinished = checkpoint.with_suffix(".new")
    saved = {
        "trainer": trainer.state(),
        "random_state": torch.get_rng_state(),
        "progress": asdict(progress),
    }
    torch.save(saved, unfinished)
    unfinished.replace(checkpoint)
