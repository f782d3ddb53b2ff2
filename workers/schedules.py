"""The learning rate of each step, from a contender's schedule."""

import math

import torch
from torch.optim.lr_scheduler import LambdaLR

from service.contracts.schedule import Schedule, ScheduleKind


def scheduler_for(optimizer: torch.optim.Optimizer, schedule: Schedule, *, steps: int) -> LambdaLR:
    """What multiplies the learning rates of all parameter groups, to be stepped after each step.

    Args:
        optimizer: Whose learning rates they are.
        schedule: How they go.
        steps: All steps of the run.
    """
    return LambdaLR(optimizer, lambda step: factor(schedule, step, steps=steps))


def factor(schedule: Schedule, step: int, *, steps: int) -> float:
    """What the learning rate of a step is multiplied by.

    With W = ⌊warmup_fraction · steps⌋ and f = final_lr_fraction it is (t + 1) / (W + 1) in a step
    t < W, and afterwards 1, or f + (1 - f) (1 + cos(π (t - W) / (steps - W))) / 2. That is torch's
    LinearLR from 1 / (W + 1) on, and its CosineAnnealingLR with T_max = steps - W.

    Args:
        schedule: Warm-up, kind and final fraction.
        step: t, counted from 0.
        steps: All steps of the run.
    """
    warmup = math.floor(schedule.warmup_fraction * steps)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if schedule.kind is ScheduleKind.CONSTANT:
        return 1.0
    done = min((step - warmup) / (steps - warmup), 1.0)
    final = schedule.final_lr_fraction
    return final + (1 - final) * (1 + math.cos(math.pi * done)) / 2
