"""Lion: the sign of a momentum (Chen et al., NeurIPS 2023, arXiv:2302.06675, Algorithm 2)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn


def build(model: nn.Module, settings: Mapping[str, Any]) -> torch.optim.Optimizer:
    """Lion over the model's parameters; the settings are those of the data file."""
    return Lion(model.parameters(), **settings)


class Lion(torch.optim.Optimizer):
    """w ← w - lr (sign(β₁ m + (1 - β₁) g) + λ w), then m ← β₂ m + (1 - β₂) g."""

    def __init__(
        self,
        params: Iterable[Tensor],
        *,
        lr: float,
        betas: tuple[float, float],
        weight_decay: float,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor]) -> Tensor:
        """Take a step; the closure gives the loss and leaves the gradients."""
        with torch.enable_grad():
            loss = closure()
        for group in self.param_groups:
            for weights in group["params"]:
                if weights.grad is not None:
                    self._move(weights, group)
        return loss

    def _move(self, weights: Tensor, group: dict[str, Any]) -> None:
        momentum = self.state[weights].setdefault("momentum", torch.zeros_like(weights))
        short, long = group["betas"]
        direction = momentum.lerp(weights.grad, 1 - short).sign_()
        weights.mul_(1 - group["lr"] * group["weight_decay"])
        weights.sub_(direction, alpha=group["lr"])
        momentum.lerp_(weights.grad, 1 - long)
