"""What every contender does with a mini-batch: one step; and what some do before the first one."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import repeat

import torch
from torch import nn

from kbfgs import IndefiniteFactorError, NonFiniteLossError
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
class StepResult:
    """What a step did."""

    loss: float
    """Mean loss of the mini-batch before the step, weighted; NaN where the optimizer refused to go
    on."""
    gradient_evaluations: float
    """Backward passes in units of the whole mini-batch, as :class:`MiniBatch` counts them."""


def optimization_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    problem: Problem,
    batch: Split,
    weight: float = 1.0,
) -> StepResult:
    """Take one step; the optimizer differentiates as often as it needs to.

    Args:
        model: What is trained; with several ranks, under DDP.
        optimizer: Over its parameters.
        problem: Its loss.
        batch: This rank's rows.
        weight: What they count, as :class:`MiniBatch` has it.
    """
    rows = MiniBatch(model, problem, batch, weight=weight)
    try:
        if isinstance(optimizer, StepsOnBatches):
            loss = optimizer.step_on(rows)
        else:
            loss = torch.as_tensor(optimizer.step(rows.backward))  # type: ignore[arg-type]
    except BROKEN_OFF:
        return StepResult(math.nan, rows.gradient_evaluations)
    return StepResult(loss.item(), rows.gradient_evaluations)


def warm_start(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    problem: Problem,
    batches: Iterable[Split],
    weights: Iterable[float] = repeat(1.0),
) -> float:
    """Show the optimizer the training data once, in eval mode, in which the model stays.

    Args:
        model: What is trained; with several ranks, under DDP.
        optimizer: Over its parameters.
        problem: Its loss.
        batches: This rank's rows of all mini-batches.
        weights: What they count.

    Returns:
        The gradient evaluations that it took.

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
    return sum(batch.gradient_evaluations for batch in shown)
