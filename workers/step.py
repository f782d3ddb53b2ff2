"""What every contender does with a mini-batch: one step; and what some do before the first one."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import repeat

import torch
from torch import nn

from kbfgs import IndefiniteFactorError, NonFiniteLossError
from kbfgs.phases import PhaseClock
from service.contracts.usage import Phase
from workers.minibatch import MiniBatch
from workers.optimizers import StepsOnBatches, WarmStarting
from workers.problems.base import Problem, Split

BROKEN_OFF = (
    NonFiniteLossError,
    IndefiniteFactorError,
    torch.linalg.LinAlgError,  # type: ignore[attr-defined]
)
"""How optimizers say that their numbers are not finite: the run diverged, nothing is broken."""


@dataclass(frozen=True)
class Passes:
    """What was differentiated, as :class:`MiniBatch` counts it."""

    gradient_evaluations: float
    """Backward passes in units of the whole mini-batch."""
    reductions: int
    """How often the ranks summed the gradients of all weights."""


@dataclass(frozen=True)
class StepResult(Passes):
    """What a step did."""

    loss: float
    """Mean loss of the mini-batch before the step, weighted; NaN where the optimizer refused to go
    on."""


def optimization_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    problem: Problem,
    batch: Split,
    weight: float = 1.0,
    clock: PhaseClock | None = None,
) -> StepResult:
    """Take one step; the optimizer differentiates as often as it needs to.

    Args:
        model: What is trained; with several ranks, under DDP.
        optimizer: Over its parameters.
        problem: Its loss.
        batch: This rank's rows.
        weight: What they count, as :class:`MiniBatch` has it.
        clock: Times the passes, and all else that the optimizer does as its update.
    """
    clock = clock or PhaseClock()
    rows = MiniBatch(model, problem, batch, weight=weight, clock=clock)
    try:
        with clock.phase(Phase.UPDATE):
            if isinstance(optimizer, StepsOnBatches):
                loss = optimizer.step_on(rows)
            else:
                loss = torch.as_tensor(optimizer.step(rows.backward))  # type: ignore[arg-type]
    except BROKEN_OFF:
        return StepResult(rows.gradient_evaluations, rows.reductions, loss=math.nan)
    return StepResult(rows.gradient_evaluations, rows.reductions, loss=loss.item())


def warm_start(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    problem: Problem,
    batches: Iterable[Split],
    weights: Iterable[float] = repeat(1.0),
) -> Passes:
    """Show the optimizer the training data once, in eval mode, in which the model stays.

    Args:
        model: What is trained; with several ranks, under DDP.
        optimizer: Over its parameters.
        problem: Its loss.
        batches: This rank's rows of all mini-batches.
        weights: What they count.

    Returns:
        What it took.

    Raises:
        TypeError: If the optimizer has no warm start.
    """
    if not isinstance(optimizer, WarmStarting):
        raise TypeError(f"{type(optimizer).__name__} has no warm start")
    model.eval()
    shown = [
        MiniBatch(model, problem, batch, weight=weight)
        for batch, weight in zip(batches, weights, strict=False)
    ]
    optimizer.warm_start_on(shown)
    return Passes(
        gradient_evaluations=sum(batch.gradient_evaluations for batch in shown),
        reductions=sum(batch.reductions for batch in shown),
    )
