"""Methods for the weights as matrices: Muon of torch, SOAP and Shampoo of pytorch-optimizer.

Importing pytorch-optimizer takes a second, so that it is left to those who train with it.
"""

import torch
from torch import nn
from torch.optim import AdamW, Muon

from workers.optimizers.base import Settings, without
from workers.optimizers.composite import Composite


def muon(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """Muon and AdamW of torch as one optimizer, with the same weight decay.

    An embedding is a table of vectors and no map between spaces, whose rows Muon would mix.
    """
    tables = {
        id(weight)
        for module in model.modules()
        if isinstance(module, nn.Embedding)
        for weight in module.parameters()
    }
    weights = list(model.parameters())
    matrices = [weight for weight in weights if weight.dim() == 2 and id(weight) not in tables]
    others = [weight for weight in weights if weight.dim() != 2 or id(weight) in tables]
    keywords = without(settings, "other_lr")
    parts: list[torch.optim.Optimizer] = []
    if matrices:
        parts.append(Muon(matrices, **keywords))  # type: ignore[arg-type]
    if others:
        decay = settings["weight_decay"]
        parts.append(AdamW(others, lr=settings["other_lr"], weight_decay=decay))  # type: ignore[arg-type]
    return Composite(parts)


def soap(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """SOAP; in its first step it only looks at the gradient."""
    from pytorch_optimizer import SOAP

    return SOAP(model.parameters(), **settings)  # type: ignore[arg-type]


def shampoo(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """Shampoo from the first step on, for each dimension of every weight but vectors.

    Its steps are as long as SGD's, and its weight decay is decoupled. The library would make
    small weights into vectors, which it leaves to SGD.
    """
    from workers.optimizers.saved_shampoo import SavedShampoo

    return SavedShampoo(
        model.parameters(),
        start_preconditioning_step=1,
        shape_interpretation=False,
        decoupled_weight_decay=True,
        **settings,  # type: ignore[arg-type]
    )
