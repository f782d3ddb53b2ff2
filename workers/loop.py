"""A training run: the protocol of one trial, one epoch a call, free of the cluster."""

import gc
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from service.contracts.base import SettingValue
from service.contracts.events import MetricPoint
from service.contracts.schedule import Schedule
from service.contracts.usage import Phase, Usage
from workers.clock import ClockReading, TrainingClock, synchronizer
from workers.evaluation import evaluate_splits
from workers.memory import PeakMemory
from workers.optimizers import build_optimizer, wants_warm_start
from workers.problems.base import Augmenting, Problem, Split
from workers.ranks import ALONE, Agreement, Ranks
from workers.ranks.parts import cut, part_of, smallest_batch
from workers.schedules import scheduler_for
from workers.seeding import epoch_order, initial_weights, seed_training
from workers.step import BROKEN_OFF, optimization_step, warm_start
from workers.usage import UsageMeter

REHEARSED_STEPS = 3
"""Steps on a throw-away model before the clock starts."""


class Diverged(Exception):
    """The loss is not finite or above the problem's bound."""


class Cancelled(Exception):
    """Somebody cancelled or paused the trial: the epoch that it had begun is dropped."""


class BadSetting(Exception):
    """The optimizer refused its settings."""


@dataclass(frozen=True)
class RunSettings:
    """What one training run is, apart from its problem."""

    optimizer: str
    settings: Mapping[str, SettingValue]
    """Every setting of the optimizer."""
    seed: int
    batch_size: int
    epochs: int
    """Of the whole run: a schedule ends with its last step."""
    divergence_loss: float
    """A loss above this counts as diverged."""
    device: torch.device


class TrainingRun:
    """One model under one optimizer: :meth:`begin` or :meth:`resume`, then :meth:`epoch` s.

    With the same seed every contender has the same initial weights and sees the same rows in
    the same order. Several ranks train it together, each on its part of every mini-batch: each
    has a run of its own, and all call the same methods in the same order; what a run tells is the
    same on all of them. The clock runs in the warm start and in optimization steps alone. Every run
    rehearses before its clock starts, so that the first one in a process does not pay for what
    the later ones find ready.

    Args:
        problem: Model, data and loss.
        run: Optimizer, seed, batch and bound.
        cancelled: Asked before every step whether to end.
        ranks: Who trains.
        spent_seconds: What earlier processes have worked at the trial, lost epochs included.

    Raises:
        BadSetting: If the optimizer refuses its settings, or a mini-batch has fewer rows than
            there are ranks.
    """

    def __init__(
        self,
        problem: Problem,
        run: RunSettings,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        ranks: Ranks = ALONE,
        spent_seconds: float = 0.0,
    ) -> None:
        self._problem, self._run, self._ranks = problem, run, ranks
        self._agreement = Agreement(ranks, cancelled)
        # Asked once: to ask takes as long as a quarter of cutting a small batch.
        self._augmenting = problem if isinstance(problem, Augmenting) else None
        self._clock = self._clock_from(ClockReading(elapsed=spent_seconds))
        memory = PeakMemory(run.device)
        self._data = problem.load(run.device)
        self._refuse_empty_parts()
        self._rehearse()
        seed_training(run.seed, rank=ranks.rank)
        self._model, self._shared, self._optimizer = self._built()
        self._meter = UsageMeter(self._optimizer, self._shared, memory=memory)
        steps_an_epoch = math.ceil(len(self._data.train) / run.batch_size)
        self._scheduler = scheduler_for(
            self._optimizer, Schedule.of(run.settings), steps=run.epochs * steps_an_epoch
        )
        self._epoch = self._step = 0
        self._evaluations = 0.0

    def begin(self) -> MetricPoint:
        """Warm the optimizer up where it asks for it, and measure the initial weights.

        Raises:
            Diverged: If the data or the initial weights give the optimizer no finite numbers.
        """
        if wants_warm_start(self._run.settings):
            batches, weights = zip(*self._parts(), strict=True)
            try:
                with self._clock.running(), self._meter.clock.phase(Phase.WARM_START):
                    passes = warm_start(
                        self._shared,
                        self._optimizer,
                        problem=self._problem,
                        batches=batches,
                        weights=weights,
                    )
            except BROKEN_OFF as reason:
                raise Diverged(f"warm start: {reason}") from reason
            self._evaluations += passes.gradient_evaluations
            self._meter.add_warm_start(passes.reductions)
        return self._measure()

    def epoch(self) -> MetricPoint:
        """Train for one epoch and measure the weights that it ends with.

        Raises:
            Diverged: At the first mini-batch whose loss is not finite or above the bound.
            Cancelled: Before the next step, once the trial was cancelled or paused.
        """
        self._shared.train()
        order = epoch_order(self._run.seed, self._epoch, len(self._data.train))
        for rows in torch.split(order.to(self._run.device), self._run.batch_size):
            if self._agreement.stopped():
                raise Cancelled
            part = part_of(rows, self._ranks)
            self._take_step(self._seen(part.rows), part.weight)
        self._epoch += 1
        return self._measure()

    def check(self, point: MetricPoint) -> None:
        """Hold a measured training loss against the bound.

        Raises:
            Diverged: If it is not finite or above the bound.
        """
        if point.train_loss is None or point.train_loss > self._run.divergence_loss:
            raise Diverged(f"training loss {_shown(point.train_loss)} after epoch {point.epoch}")

    def state(self) -> dict[str, Any]:
        """All that this rank's next epoch depends on and the last point does not tell."""
        generators = {"cpu": torch.get_rng_state()}
        if self._run.device.type == "cuda":
            generators["cuda"] = torch.cuda.get_rng_state(self._run.device)
        return {
            "model": self._model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scheduler": self._scheduler.state_dict(),
            "generators": generators,
        }

    def resume(
        self, state: Mapping[str, Any], last: MetricPoint, usage: Usage | None = None
    ) -> None:
        """Go on after this point, bit for bit as if there had been no break.

        Args:
            state: What :meth:`state` gave at that point. Without generators, which a rank lacks
                that was not there then, random numbers begin anew.
            last: The point, which tells position and clock.
            usage: What the run had taken until then.
        """
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._scheduler.load_state_dict(state["scheduler"])
        if generators := state["generators"]:
            torch.set_rng_state(generators["cpu"])
        if generators and self._run.device.type == "cuda":
            torch.cuda.set_rng_state(generators["cuda"], self._run.device)
        self._epoch, self._step = last.epoch, last.step
        self._evaluations = last.gradient_evaluations
        process_seconds = last.process_seconds if self._ranks.rank == 0 else 0.0
        elapsed = max(last.elapsed_seconds, self.elapsed_seconds)
        self._clock = self._clock_from(
            ClockReading(last.training_seconds, process_seconds, elapsed)
        )
        if usage is not None:
            self._meter.resume(usage)

    @property
    def elapsed_seconds(self) -> float:
        """Seconds since the trial began, over all of its attempts."""
        return self._clock.read().elapsed

    @property
    def usage(self) -> Usage:
        """What it took besides, over all of its attempts."""
        return self._meter.read()

    def _built(self) -> tuple[nn.Module, nn.Module, torch.optim.Optimizer]:
        """The model with the seed's initial weights, as all ranks train it, and its optimizer."""
        with initial_weights(self._run.seed):
            model = self._problem.build_model().to(self._run.device)
        shared = self._ranks.together(model)
        try:
            optimizer = build_optimizer(self._run.optimizer, shared, self._run.settings)
        except ValueError as error:
            raise BadSetting(str(error)) from error
        return model, shared, optimizer

    def _refuse_empty_parts(self) -> None:
        rows = smallest_batch(len(self._data.train), self._run.batch_size)
        if rows < self._ranks.size:
            raise BadSetting(
                f"batch_size: a mini-batch has {rows} rows, fewer than the {self._ranks.size} "
                "workers: choose another size, or fewer workers"
            )

    def _parts(self) -> Iterator[tuple[Split, float]]:
        """This rank's parts of the training rows in their order, with their weights."""
        return cut(self._data.train, self._run.batch_size, self._ranks)

    def _rehearse(self) -> None:
        """Take a few steps on a model and an optimizer that are thrown away.

        What a process does once is done then: late imports, threads, handles of BLAS and
        LAPACK, memory that the allocator keeps. The random generators are seeded afterwards.
        """
        _, shared, optimizer = self._built()
        parts = tuple(islice(self._parts(), REHEARSED_STEPS))
        batches, weights = zip(*parts, strict=True)
        problem = self._problem
        if wants_warm_start(self._run.settings):
            with suppress(*BROKEN_OFF):  # the run itself will meet it, and tell
                warm_start(shared, optimizer, problem=problem, batches=batches, weights=weights)
        shared.train()
        for batch, weight in parts:
            result = optimization_step(
                shared, optimizer, problem=problem, batch=batch, weight=weight
            )
            if not self._agreement.loss(result.loss) <= self._run.divergence_loss:
                break
        if self._run.device.type == "cuda":
            del shared, optimizer
            gc.collect()  # K-BFGS and its model's hooks refer to each other; memory is short there

    def _seen(self, rows: Tensor) -> Split:
        """These training rows as this epoch shows them."""
        batch = self._data.train.take(rows)
        if self._augmenting is not None:
            batch = self._augmenting.augment(batch, rows, seed=self._run.seed, epoch=self._epoch)
        return batch

    def _take_step(self, batch: Split, weight: float) -> None:
        with self._clock.running():
            result = optimization_step(
                self._shared,
                self._optimizer,
                problem=self._problem,
                batch=batch,
                weight=weight,
                clock=self._meter.clock,
            )
            self._scheduler.step()
        self._meter.add_step(result.reductions)
        loss = self._agreement.loss(result.loss)
        self._step += 1
        self._evaluations += result.gradient_evaluations
        if not loss <= self._run.divergence_loss:
            raise Diverged(
                f"batch loss {_shown(loss)} at step {self._step} of epoch {self._epoch + 1}"
            )

    def _measure(self) -> MetricPoint:
        """The figures at these weights, with the clock standing still."""
        figures = evaluate_splits(self._model, self._problem, self._data, self._ranks)
        self._meter.note_memory(self._ranks)
        reading = self._clock.read()
        readings = self._ranks.gather((reading.process, reading.elapsed))
        return MetricPoint(
            epoch=self._epoch,
            step=self._step,
            training_seconds=reading.training,
            elapsed_seconds=readings[0][1],  # of rank 0: all decide by it when to save
            process_seconds=sum(process for process, _ in readings),
            gradient_evaluations=self._evaluations,
            ranks=self._ranks.size,
            **figures,
        )

    def _clock_from(self, start: ClockReading) -> TrainingClock:
        return TrainingClock(synchronizer(self._run.device), start=start)


def _shown(loss: float | None) -> str:
    return "not finite" if loss is None or not math.isfinite(loss) else f"{loss:.4g}"
