"""The first-order methods as the K-BFGS paper runs them, which no library has.

Goldfarb, Ren, Bahamou, *Practical Quasi-Newton Methods for Training Deep Neural Networks*, 2020:
the gradient enters as a moving average M that starts at 0 and is not corrected for it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT

from workers.minibatch import MiniBatch
from workers.optimizers.base import Settings, without

Closure = Callable[[], Tensor]


class PaperSGD(torch.optim.Optimizer):
    """SGD along a moving average of the gradient.

    1. M ← β M + (1-β)(∇W + τ W), with M = 0 at first.
    2. W ← W - α M.

    Args:
        params: The parameters, or groups of them.
        lr: α.
        momentum: β.
        weight_decay: τ.
    """

    def __init__(
        self, params: ParamsT, lr: float, *, momentum: float = 0.9, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Tensor | None:  # type: ignore[override]
        """Take one step with the gradients that the closure leaves, and return its loss."""
        loss = _loss(closure)
        for group in self.param_groups:
            for weight, gradient in _gradients(group):
                average = _average(self.state[weight], weight, gradient, group["momentum"])
                weight.add_(average, alpha=-group["lr"])
        return loss


class PaperRMSprop(torch.optim.Optimizer):
    """A moving average of the gradient over a moving root mean square.

    1. M ← β M + (1-β)(∇W + τ W), with M = 0 at first.
    2. v ← β₂ v + (1-β₂)(∇W + τ W)², with v = 0 or a warm start at first.
    3. W ← W - α M / (√v + ε).

    Args:
        params: The parameters, or groups of them.
        lr: α.
        alpha: β₂.
        eps: ε.
        momentum: β.
        weight_decay: τ.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float,
        *,
        alpha: float = 0.9,
        eps: float = 1e-8,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ) -> None:
        numbers = {"alpha": alpha, "eps": eps, "momentum": momentum}
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, **numbers})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Tensor | None:  # type: ignore[override]
        """Take one step with the gradients that the closure leaves, and return its loss."""
        loss = _loss(closure)
        for group in self.param_groups:
            for weight, gradient in _gradients(group):
                state = self.state[weight]
                average = _average(state, weight, gradient, group["momentum"])
                square = _zeros(state, "mean_square", weight)
                square.lerp_(gradient.square(), 1 - group["alpha"])
                weight.addcdiv_(average, square.sqrt().add_(group["eps"]), value=-group["lr"])
        return loss

    @torch.no_grad()
    def warm_start_on(self, batches: Sequence[MiniBatch]) -> None:
        """Let v be the mean of the squared gradients of these mini-batches."""
        for batch in batches:
            _loss(batch.backward)
            for group in self.param_groups:
                for weight, gradient in _gradients(group):
                    square = _zeros(self.state[weight], "mean_square", weight)
                    square.add_(gradient.square(), alpha=1 / len(batches))
        self.zero_grad()


def sgd(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """The paper's SGD with momentum."""
    return PaperSGD(model.parameters(), **settings)  # type: ignore[arg-type]


def rmsprop(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """The paper's RMSprop; its warm start is the loop's business."""
    return PaperRMSprop(model.parameters(), **without(settings, "warm_start"))  # type: ignore[arg-type]


def _loss(closure: Closure | None) -> Tensor | None:
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()


def _gradients(group: dict[str, Any]) -> Iterator[tuple[Tensor, Tensor]]:
    """The weights of a group that have a gradient, with ∇W + τ W."""
    decay = group["weight_decay"]
    for weight in group["params"]:
        if weight.grad is not None:
            yield weight, weight.grad.add(weight, alpha=decay) if decay else weight.grad


def _average(state: dict[str, Any], weight: Tensor, gradient: Tensor, decay: float) -> Tensor:
    """M ← β M + (1-β) times the gradient."""
    return _zeros(state, "momentum_buffer", weight).lerp_(gradient, 1 - decay)


def _zeros(state: dict[str, Any], name: str, like: Tensor) -> Tensor:
    """What the state holds under this name; zeros of that shape at first."""
    if name not in state:
        state[name] = torch.zeros_like(like)
    held: Tensor = state[name]
    return held
