"""What an optimizer is to the training loop, and what it may ask for beyond a closure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from service.contracts.base import SettingValue
from service.contracts.usage import Phase
from workers.minibatch import MiniBatch

Settings = Mapping[str, SettingValue]
Factory = Callable[[nn.Module, Settings], torch.optim.Optimizer]
"""Builds an optimizer over a model from every setting of its entry but the schedule's."""


class UnknownOptimizer(LookupError):
    """The catalogue names an optimizer that these workers cannot build."""


@runtime_checkable
class StepsOnBatches(Protocol):
    """An optimizer whose step needs more of a mini-batch than a closure over all of its rows."""

    def step_on(self, batch: MiniBatch) -> Tensor:
        """Take one step and return the loss before it."""
        ...


@runtime_checkable
class WarmStarting(Protocol):
    """An optimizer that can look at the training data once before its first step.

    It is asked to where its settings have a ``warm_start`` that is true.
    """

    def warm_start_on(self, batches: Sequence[MiniBatch]) -> None:
        """Learn from all training rows at the initial weights, which stay as they are."""
        ...


@runtime_checkable
class TellsPhases(Protocol):
    """An optimizer that knows what went into its last step."""

    @property
    def bytes_sent(self) -> int:
        """Bytes that this rank gave into sums over the ranks since the step began, gradients
        apart; before the first step those of the warm start."""
        ...

    def phases(self) -> Mapping[Phase, float]:
        """Seconds of each phase, passes included; asked between steps."""
        ...


def without(settings: Settings, *names: str) -> dict[str, SettingValue]:
    """The settings but these."""
    return {name: value for name, value in settings.items() if name not in names}
