"""First-order optimizers as torch has them."""

import torch
from torch import nn

from workers.optimizers.base import Settings


def sgd(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """SGD with heavy-ball or Nesterov's momentum."""
    return torch.optim.SGD(model.parameters(), **settings)  # type: ignore[arg-type]


def adam(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """Adam; the paper's differs in its defaults alone."""
    return torch.optim.Adam(model.parameters(), **settings)  # type: ignore[arg-type]


def adamw(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay."""
    return torch.optim.AdamW(model.parameters(), **settings)  # type: ignore[arg-type]


def nadamw(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """NAdam with decoupled weight decay."""
    return torch.optim.NAdam(
        model.parameters(),
        decoupled_weight_decay=True,
        **settings,  # type: ignore[arg-type]
    )


def rmsprop(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """RMSprop."""
    return torch.optim.RMSprop(model.parameters(), **settings)  # type: ignore[arg-type]
