"""Every problem under DDP: a few steps of K-BFGS on this rank's rows, in float64."""

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from kbfgs import KBFGS
from tests.support.problem_suite import CPU
from tests.support.small_problems import small
from workers.problems import Problem, Split
from workers.problems.autoencoders import Autoencoder
from workers.seeding import initial_weights

STEPS, ROWS = 3, 6
"""Rows of a step, over all ranks."""
WIDEST = 100
"""Wider layers say no more about ranks, and their factors take their time."""


def trained_on_ranks(rank: int, names: Sequence[str]) -> dict[str, dict[str, Tensor]]:
    """The weights of each problem's model after the steps, as this rank has them."""
    return {name: trained(name, rank=rank) for name in names}


def trained(name: str, *, rank: int | None) -> dict[str, Tensor]:
    """The weights after the steps: of a rank of several, or of a process on its own."""
    problem = _narrow(small(name))
    with initial_weights(3):
        inner = problem.build_model().double()
    model: nn.Module = inner if rank is None else DistributedDataParallel(inner)
    ranks = 1 if rank is None else dist.get_world_size()
    optimizer = KBFGS(model, lr=0.1, damping=0.3)
    train = problem.load(CPU).train
    for step in range(STEPS):
        rows = torch.arange(step * ROWS, (step + 1) * ROWS) % len(train)
        _step(problem, model, optimizer, batch=train.take(rows[rank or 0 :: ranks]))
    return {name: weight.detach().clone() for name, weight in inner.named_parameters()}


def _narrow(problem: Problem) -> Problem:
    if not isinstance(problem, Autoencoder):
        return problem
    first, *hidden, last = problem.widths
    return replace(problem, widths=(first, *(min(width, WIDEST) for width in hidden), last))


def _step(problem: Problem, model: nn.Module, optimizer: KBFGS, *, batch: Split) -> None:
    inputs, targets = (
        part.double() if part.is_floating_point() else part
        for part in (batch.inputs, batch.targets)
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = problem.loss(model(inputs), targets)
        loss.backward()
        return loss

    optimizer.step(closure)
