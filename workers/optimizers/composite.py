"""Several optimizers over the parameters of one model as one."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


class Composite(torch.optim.Optimizer):
    """Optimizers with disjoint parameters that step together.

    They share this one's state and its parameter groups, so that schedulers, ``zero_grad`` and
    ``state_dict`` see one optimizer with the groups of all.

    Args:
        parts: The optimizers; this one takes them over.
    """

    def __init__(self, parts: Sequence[torch.optim.Optimizer]) -> None:
        self._parts = tuple(parts)
        self._groups = [len(part.param_groups) for part in parts]
        super().__init__([group for part in parts for group in part.param_groups], {})
        self._share()

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        """Let every part take a step with the gradients that the closure leaves."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self._parts:
            part.step()
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what ``state_dict`` gave."""
        super().load_state_dict(state_dict)
        self._share()

    def _share(self) -> None:
        """Hand each part its groups and the state of all."""
        groups = iter(self.param_groups)
        for part, count in zip(self._parts, self._groups, strict=True):
            part.state = self.state
            part.param_groups = [next(groups) for _ in range(count)]
