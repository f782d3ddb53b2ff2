"""The ratio test: a step that makes the loss clearly worse is taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

# Differences of two losses below this many units of rounding say nothing.
ROUNDING_UNITS = 16


def accepts(
    before: Tensor, after: Tensor, promised: Tensor, *, min_ratio: float, unit: float
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
        unit: The rounding of the losses, relative.

    Returns:
        A boolean scalar.
    """
    rounding = ROUNDING_UNITS * unit * torch.maximum(before.abs(), after.abs())
    worse = (promised > 0) & (before - after < min_ratio * promised - rounding)
    return torch.isfinite(after) & ~worse


class RatioTest:
    """Keeps the weights from before a step, and puts them back if the step was bad.

    A rejected step restores the parameters and the inner optimizer's state, and halves the scale of
    the steps that follow; each accepted step multiplies it by `recovery`, up to 1. No decision is
    read from a device other than the CPU.

    Args:
        min_ratio: As for `accepts`.
        recovery: Growth of the scale in an accepted step.
        device: Where the parameters are.

    Attributes:
        scale: The part of each step that is taken, in (0, 1], a scalar.
        rejected: Steps taken back, an integer scalar.
    """

    def __init__(self, *, min_ratio: float, recovery: float, device: torch.device) -> None:
        self._min_ratio = min_ratio
        self._recovery = recovery
        self.scale = torch.ones((), dtype=torch.float64, device=device)
        self.rejected = torch.zeros((), dtype=torch.int64, device=device)
        self._parameters: list[Tensor] = []
        self._kept: list[Tensor] = []
        self._kept_state: dict[tuple[int, str], Tensor] = {}
        self._inner: torch.optim.Optimizer | None = None

    def load(self, *, scale: float, rejected: int) -> None:
        """Go on from saved values."""
        self.scale.fill_(scale)
        self.rejected.fill_(rejected)

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

    def settle(
        self, whole: Tensor, before: Tensor, after: Tensor, *, ask: Callable[[], Tensor]
    ) -> Tensor:
        """Take the step back if it was bad.

        A step is judged on the same rows before and after it. Of a part of the mini-batch the loss
        before may be NaN, not taken yet: it is asked for only where the loss after looks bad beside
        that of the whole mini-batch, and otherwise the step stands.

        Args:
            whole: The mean loss of the whole mini-batch before the step, a scalar.
            before: The mean loss of the rows of `after` before it, a scalar.
            after: Their mean loss after it.
            ask: Gives `before`; the parameters are then those before the step.

        Returns:
            Whether the step stands, a boolean scalar.
        """
        promised = self._promise()
        accepted = self._accepts(whole, after, promised)
        if whole is not before:
            if after.device.type == "cpu" and not accepted and torch.isnan(before):
                with self._step_undone():
                    before = ask()
            accepted = accepted | self._accepts(before, after, promised)
        if accepted.device.type != "cpu" or not accepted:
            self._restore(~accepted)
        self.rejected += ~accepted
        recovered = (self.scale * self._recovery).clamp(max=1.0)
        self.scale.copy_(torch.where(accepted, recovered, self.scale / 2))
        return accepted

    def _accepts(self, before: Tensor, after: Tensor, promised: Tensor) -> Tensor:
        return accepts(
            before.double(),
            after.double(),
            promised,
            min_ratio=self._min_ratio,
            unit=torch.finfo(after.dtype).eps,
        )

    @contextmanager
    def _step_undone(self) -> Iterator[None]:
        """Inside, the parameters are those before the step."""
        moved = [parameter.clone() for parameter in self._parameters]
        torch._foreach_copy_(self._parameters, self._kept)
        try:
            yield
        finally:
            torch._foreach_copy_(self._parameters, moved)

    def _promise(self) -> Tensor:
        """<∇, W before - W after> over all parameters, a scalar."""
        total = torch.zeros((), dtype=torch.float64, device=self.scale.device)
        for kept, parameter in zip(self._kept, self._parameters, strict=True):
            assert parameter.grad is not None
            total += (kept - parameter).flatten().dot(parameter.grad.flatten())
        return total

    def _restore(self, rejected: Tensor) -> None:
        for index, parameter in enumerate(self._parameters):
            parameter.copy_(torch.where(rejected, self._kept[index], parameter))
            state = {} if self._inner is None else self._inner.state.get(parameter, {})
            for key, value in state.items():
                if isinstance(value, Tensor):
                    old = self._kept_state.get((index, key))
                    value.copy_(torch.where(rejected, 0 if old is None else old, value))
