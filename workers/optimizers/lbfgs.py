"""L-BFGS over all parameters together, torch's, with weight decay."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT

from workers.optimizers.base import Settings, without


class DecayedLBFGS(torch.optim.LBFGS):
    """torch's L-BFGS on the loss plus τ/2 ‖W‖², which its line search has to see.

    Args:
        params: The parameters, one group.
        weight_decay: τ.
        **options: Those of ``torch.optim.LBFGS``.
    """

    def __init__(self, params: ParamsT, *, weight_decay: float = 0.0, **options: object) -> None:
        super().__init__(params, **options)  # type: ignore[arg-type]
        self.param_groups[0]["weight_decay"] = weight_decay

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor]) -> Tensor:  # type: ignore[override]
        """Take up to ``max_iter`` iterations on the closure's mini-batch.

        Returns:
            The closure's own loss before the step, without the decay.
        """
        losses: list[Tensor] = []

        def decayed() -> Tensor:
            loss = closure()
            losses.append(loss.detach())
            return losses[-1] + self._decay()

        super().step(decayed)  # type: ignore[no-untyped-call]
        return losses[0]

    @torch.no_grad()
    def _decay(self) -> Tensor | float:
        """Add τ W to the gradients; τ/2 ‖W‖²."""
        (group,) = self.param_groups
        decay = group["weight_decay"]
        if not decay:
            return 0.0
        weights = [weight for weight in group["params"] if weight.grad is not None]
        for weight in weights:
            weight.grad.add_(weight, alpha=decay)
        penalty: Tensor = decay / 2 * sum(weight.square().sum() for weight in weights)
        return penalty


def lbfgs(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """L-BFGS, with or without the line search."""
    search = "strong_wolfe" if settings["strong_wolfe"] else None
    keywords = without(settings, "strong_wolfe")
    return DecayedLBFGS(model.parameters(), line_search_fn=search, **keywords)  # type: ignore[arg-type]
