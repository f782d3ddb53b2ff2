"""One optimization step on one mini-batch, as every contender takes it."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kbfgs import NonFiniteLossError
from workers.problems.base import Problem, Split


@dataclass(frozen=True)
class StepResult:
    """What a step did."""

    loss: float
    """Mean loss of the mini-batch before the step; NaN where the optimizer refused to go on."""
    gradient_evaluations: int
    """Backward passes over the whole mini-batch."""


def optimization_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, *, problem: Problem, batch: Split
) -> StepResult:
    """Take one step; the optimizer calls the closure as often as it needs to."""
    evaluations = 0

    def closure() -> Tensor:
        nonlocal evaluations
        evaluations += 1
        optimizer.zero_grad(set_to_none=True)
        loss = problem.loss(model(batch.inputs), batch.targets)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    try:
        loss = torch.as_tensor(optimizer.step(closure)).item()  # type: ignore[arg-type]
    except NonFiniteLossError:
        loss = math.nan
    return StepResult(loss=loss, gradient_evaluations=evaluations)
