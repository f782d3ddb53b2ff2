"""The ratio test: a step that makes the loss clearly worse is taken back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

# Differences of two losses below this many units of rounding say nothing.
ROUNDING_UNITS = 16
# Nor do rises of so many times what they exceed the promise by on average: where a step changes the
# loss by noise alone, one in sixty is larger.
USUAL_RISES = 8
USUAL_DECAY = 0.9
SMALLEST_SCALE = 2.0**-10
# Numbers that are subtracted by one call: what it gives is held besides the weights for a moment.
MOST_AT_ONCE = 1 << 22


def accepts(
    before: Tensor,
    after: Tensor,
    promised: Tensor,
    *,
    min_ratio: float,
    slack: Tensor | float = 0.0,
    unit: float,
) -> Tensor:
    """Whether (loss before - loss after) / promised >= min_ratio, as far as that can be told.

    Only differences of losses enter, so that their sign does not matter. A promise <= 0, made where
    the averaged gradient points uphill on this mini-batch, says nothing: then the step is accepted
    as long as the loss after it is finite.

    Args:
        before: The loss before the step, a scalar.
        after: The loss after it, of the same rows.
        promised: <∇, W before - W after>, the decrease to first order.
        min_ratio: The smallest part of the promise that is accepted, or a negative number.
        slack: A difference that says nothing.
        unit: The rounding of the losses, relative.

    Returns:
        A boolean scalar.
    """
    slack = slack + ROUNDING_UNITS * unit * torch.maximum(before.abs(), after.abs())
    worse = (promised > 0) & (before - after < min_ratio * promised - slack)
    return torch.isfinite(after) & ~worse


class RatioTest:
    """Keeps the weights from before a step, and puts them back if the step was bad.

    A rejected step restores the parameters and the inner optimizer's state, and halves the scale of
    the steps that follow; each accepted step multiplies it by `recovery`, up to 1. No decision is
    read from a device other than the CPU.

    Losses carry noise, from rounding in bfloat16 or from random numbers that do not repeat. Where
    a step promises less than that, rises mean nothing; shorter steps promise less still, and the
    scale would fall for good. What the loss rises by on average beyond what was promised is
    therefore let pass.

    Args:
        min_ratio: As for `accepts`.
        recovery: Growth of the scale in an accepted step.
        device: Where the parameters are.

    Attributes:
        scale: The part of each step that is taken, in (0, 1], a scalar.
        rejected: Steps taken back, an integer scalar.
        usual_rise: Moving average of what the loss rises by beyond the promise, a scalar.
    """

    def __init__(self, *, min_ratio: float, recovery: float, device: torch.device) -> None:
        self._min_ratio = min_ratio
        self._recovery = recovery
        self.scale = torch.ones((), dtype=torch.float64, device=device)
        self.rejected = torch.zeros((), dtype=torch.int64, device=device)
        self.usual_rise = torch.zeros_like(self.scale)
        self._parameters: list[Tensor] = []
        self._kept: list[Tensor] = []
        self._kept_state: dict[tuple[int, str], Tensor] = {}
        self._inner: torch.optim.Optimizer | None = None

    def values(self) -> dict[str, float]:
        """What is remembered between steps; reads the device."""
        return {
            "scale": float(self.scale),
            "rejected": int(self.rejected),
            "usual_rise": float(self.usual_rise),
        }

    def load(self, *, scale: float = 1.0, rejected: float = 0, usual_rise: float = 0.0) -> None:
        """Go on from saved values."""
        self.scale.fill_(scale)
        self.rejected.fill_(rejected)
        self.usual_rise.fill_(usual_rise)

    def begin(self, parameters: Sequence[Tensor], inner: torch.optim.Optimizer) -> None:
        """Keep the parameters, and the state of the inner optimizer, as they are now."""
        parameters = [p for p in parameters if p.grad is not None]
        if [id(p) for p in parameters] != [id(p) for p in self._parameters]:
            self._parameters = parameters
            self._kept = [torch.empty_like(p) for p in parameters]
        torch._foreach_copy_(self._kept, self._parameters)
        self._inner = inner
        self._kept_state = {
            (index, key): value.clone()
            for index, parameter in enumerate(self._parameters)
            for key, value in inner.state.get(parameter, {}).items()
            if isinstance(value, Tensor)
        }

    def shorten(self, parameters: Sequence[Tensor]) -> None:
        """Take only `scale` of the inner optimizer's step; all of it keeps its bits."""
        wanted = {id(parameter) for parameter in parameters}
        for kept, parameter in zip(self._kept, self._parameters, strict=True):
            if id(parameter) in wanted:
                parameter.copy_(torch.lerp(kept, parameter, self.scale.to(parameter.dtype)))

    def settle(self, before: Tensor, after: Tensor, *, unit: float) -> Tensor:
        """Take the step back if it was bad.

        Args:
            before: The mean loss before the step, a scalar.
            after: The mean loss of the same rows after it.
            unit: Rounding of the losses, relative.

        Returns:
            Whether the step stands, a boolean scalar.
        """
        before, after, promised = before.double(), after.double(), self._promise()
        slack = USUAL_RISES * self.usual_rise
        accepted = accepts(
            before, after, promised, min_ratio=self._min_ratio, slack=slack, unit=unit
        )
        if accepted.device.type != "cpu" or not accepted:
            self._restore(~accepted)
        self.rejected += ~accepted
        recovered = (self.scale * self._recovery).clamp(max=1.0)
        halved = (self.scale / 2).clamp(min=SMALLEST_SCALE)
        self.scale.copy_(torch.where(accepted, recovered, halved))
        # Rises up to the promise are overshooting, not noise. One that is out of all proportion
        # counts as the largest that would have passed.
        promise = torch.where(torch.isfinite(promised), promised.clamp(min=0), 0.0)
        rise, largest = after - before - promise, promise + slack
        counted = torch.where(rise < largest, rise.clamp(min=0), largest)
        self.usual_rise.lerp_(counted, 1 - USUAL_DECAY)
        return accepted

    def _promise(self) -> Tensor:
        """<∇, W before - W after> over all parameters, a scalar."""
        parts: list[Tensor] = []
        for portion in _portions([parameter.numel() for parameter in self._parameters]):
            moved = torch._foreach_sub(self._kept[portion], self._parameters[portion])
            gradients = map(_gradient, self._parameters[portion])
            parts += [x.flatten().dot(g.flatten()) for x, g in zip(moved, gradients, strict=True)]
        return torch.stack(parts).sum(dtype=torch.float64)

    def _restore(self, rejected: Tensor) -> None:
        for index, parameter in enumerate(self._parameters):
            torch.where(rejected, self._kept[index], parameter, out=parameter)
            state = {} if self._inner is None else self._inner.state.get(parameter, {})
            for key, value in state.items():
                if isinstance(value, Tensor):
                    old = self._kept_state.get((index, key))
                    value.copy_(torch.where(rejected, 0 if old is None else old, value))


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def _portions(sizes: Sequence[int]) -> Iterator[slice]:
    """Neighbours of at most `MOST_AT_ONCE` numbers together, or one that has more by itself."""
    begin = total = 0
    for index, size in enumerate(sizes):
        if index > begin and total + size > MOST_AT_ONCE:
            yield slice(begin, index)
            begin, total = index, 0
        total += size
    yield slice(begin, len(sizes))
