"""Loss scaling for float16: what a `GradScaler` multiplied into gradients is taken out again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.nn.utils import get_total_norm

from kbfgs.distributed.communicator import Communicator
from kbfgs.errors import ClosureError, ConfigurationError, UnsupportedModelError


class LossScaling(Protocol):
    """What stands between the loss and the gradients that backward gives.

    Attributes:
        active: Whether losses are scaled, so that gradients may be in float16.
    """

    active: bool

    def begin(self) -> None:
        """Start a step, whose gradients are still to be unscaled."""
        ...

    def scale(self, loss: Tensor) -> Tensor:
        """The loss to differentiate."""
        ...

    def unscale(self, gradient: Tensor) -> Tensor:
        """A gradient of the loss, from one of the scaled loss."""
        ...

    def unscale_parameters(self) -> None:
        """Unscale `p.grad` of the optimizer's parameters, once in a step."""
        ...

    def overflowed(self) -> bool:
        """Whether one of them was not finite; waits for the device."""
        ...

    def report(self, loss: Tensor, gradients: Iterable[Tensor]) -> None:
        """Ask for a lower scale if gradients are not finite though their loss is."""
        ...

    def overflowed_anywhere(self, gradients: Iterable[Tensor], communicator: Communicator) -> bool:
        """Whether gradients on any rank are not finite, and if so ask for a lower scale."""
        ...


class PlainLoss:
    """Without a scaler gradients are what they are, and nothing is computed or read."""

    active = False

    def begin(self) -> None:
        """Nothing is to be unscaled."""

    def scale(self, loss: Tensor) -> Tensor:
        """The loss itself."""
        return loss

    def unscale(self, gradient: Tensor) -> Tensor:
        """The gradient itself."""
        return gradient

    def unscale_parameters(self) -> None:
        """They are not scaled."""

    def overflowed(self) -> bool:
        """A gradient that is not finite is the loss's own, which is checked elsewhere."""
        return False

    def report(self, loss: Tensor, gradients: Iterable[Tensor]) -> None:
        """There is no scale to lower."""

    def overflowed_anywhere(
        self,
        gradients: Iterable[Tensor],  # noqa: ARG002
        communicator: Communicator,  # noqa: ARG002
    ) -> bool:
        """As for `overflowed`."""
        return False


class ScaledLoss:
    """The closure calls `scaler.scale(loss).backward()`; the scale is divided out here.

    Only the scaler's public methods are used. Its scale stays as it is until the user calls
    `scaler.update()`, which lowers it if any of the optimizers it knows saw an overflow. The
    gradients of the pre-activations are no optimizer's: an optimizer of one number stands for them.

    Args:
        scaler: An enabled scaler.
        optimizer: The optimizer whose parameters the closure differentiates by.
    """

    active = True

    def __init__(self, scaler: GradScaler, optimizer: torch.optim.Optimizer) -> None:
        self._scaler = scaler
        self._optimizer = optimizer
        self._finite: Tensor | None = None
        device = optimizer.param_groups[0]["params"][0].device
        self._witness = nn.Parameter(torch.zeros((), device=device))
        self._reporter = torch.optim.SGD([self._witness])

    def begin(self) -> None:
        """Start a step, whose gradients are still to be unscaled."""
        self._finite = None

    def scale(self, loss: Tensor) -> Tensor:
        """The loss times the scale, also where gradients are off."""
        with torch.enable_grad():
            return self._scaler.scale(loss)

    def unscale(self, gradient: Tensor) -> Tensor:
        """The gradient divided by the scale, at least in float32, where it does not underflow."""
        wide = gradient.to(torch.promote_types(gradient.dtype, torch.float32))
        return wide / self._scaler.scale(wide.new_ones(()))

    def unscale_parameters(self) -> None:
        """Unscale `p.grad` of the optimizer's parameters, once in a step.

        Raises:
            ClosureError: The loss was never scaled, or the scaler has unscaled already.
        """
        if self._finite is not None:
            return
        try:
            self._scaler.unscale_(self._optimizer)
        except AssertionError as error:
            raise ClosureError(
                "no loss was scaled by the grad_scaler: the closure must call "
                "scaler.scale(loss).backward(), and return the loss itself"
            ) from error
        except RuntimeError as error:
            if "unscale_()" not in str(error):
                raise
            raise ClosureError(
                "the grad_scaler has unscaled these gradients since its last update(): call "
                "scaler.update() after every step, opt.step(closure) instead of scaler.step, and "
                "to clip inside the closure, opt.unscale_() instead of scaler.unscale_(opt)"
            ) from error
        # Found out now: clipping by value would make an infinite gradient a finite one.
        parameters = [p for group in self._optimizer.param_groups for p in group["params"]]
        self._finite = _all_finite([p.grad for p in parameters if p.grad is not None])

    def overflowed(self) -> bool:
        """Whether one of them was not finite; waits for the device, as `GradScaler.step` does."""
        return self._finite is not None and not self._finite

    def report(self, loss: Tensor, gradients: Iterable[Tensor]) -> None:
        """Ask for a lower scale if gradients are not finite though their loss is."""
        self._lower_if(torch.isfinite(loss) & ~_all_finite(list(gradients)))

    def overflowed_anywhere(self, gradients: Iterable[Tensor], communicator: Communicator) -> bool:
        """Whether gradients on any rank are not finite, and if so ask for a lower scale."""
        overflow = ~_all_finite(list(gradients))
        (ranks,) = communicator.sum_together([overflow.float()])
        self._lower_if(ranks > 0)
        return bool(ranks > 0)

    def _lower_if(self, overflow: Tensor) -> None:
        self._witness.grad = torch.where(overflow, torch.inf, 0.0).to(self._witness)
        self._scaler.unscale_(self._reporter)


def scaling_for(
    model: nn.Module, optimizer: torch.optim.Optimizer, grad_scaler: GradScaler | None
) -> LossScaling:
    """How the losses of an optimizer's closures are scaled.

    Args:
        model: The model, without wrappers.
        optimizer: The optimizer.
        grad_scaler: None or a disabled scaler scales nothing.

    Raises:
        ConfigurationError: It is something else.
        UnsupportedModelError: A weight is in float16, whose gradient a scaler does not unscale.
    """
    if not isinstance(grad_scaler, GradScaler | None):
        raise ConfigurationError(
            f"grad_scaler must be a torch.amp.GradScaler or None, got {grad_scaler!r}"
        )
    if grad_scaler is None or not grad_scaler.is_enabled():
        return PlainLoss()
    for name, parameter in model.named_parameters():
        if parameter.dtype == torch.float16 and parameter.requires_grad:
            raise UnsupportedModelError(
                f"parameter {name!r} is torch.float16, whose gradient a GradScaler does not "
                "unscale: keep it in float32, autocast computes with it in float16"
            )
    return ScaledLoss(grad_scaler, optimizer)


def _all_finite(tensors: Sequence[Tensor]) -> Tensor:
    """Whether all elements are finite, a boolean scalar."""
    return torch.isfinite(get_total_norm(tensors, norm_type=math.inf))
