"""Which parameters are preconditioned, and why the others are not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter

from kbfgs.errors import UnsupportedModelError
from kbfgs.layers.base import LayerAdapter
from kbfgs.layers.conv import ConvAdapter
from kbfgs.layers.linear import LinearAdapter

# A depthwise convolution has a 1 x 1 output factor for each channel: there is no curvature between
# outputs to learn, and hundreds of factor pairs would cost more than the convolution itself.
MIN_GROUP_OUTPUTS = 4

_DTYPES = (torch.float32, torch.float64)


@dataclass(frozen=True)
class FirstOrderParameter:
    """A parameter that the inner AdamW trains.

    Attributes:
        name: Its name inside the model.
        reason: Why it is not preconditioned.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Assignment:
    """The split of a model's parameters.

    Attributes:
        adapters: The preconditioned layers, in the order of the model.
        first_order: All other parameters with the reason.
    """

    adapters: tuple[LayerAdapter, ...]
    first_order: tuple[tuple[FirstOrderParameter, nn.Parameter], ...]


def clean_name(name: str) -> str:
    """A parameter's or module's name without what torch.compile adds to that of a layer."""
    return ".".join(part for part in name.split(".") if part != "_orig_mod")


def assign(model: nn.Module, *, max_factor_dim: int, limit_outputs: bool) -> Assignment:
    """Find the layers that can be preconditioned.

    Args:
        model: The model, without wrappers.
        max_factor_dim: Layers with a larger input side are left to the inner optimizer.
        limit_outputs: Whether those with a larger output side are too.

    Raises:
        UnsupportedModelError: No layer can be preconditioned, or a parameter has no shape yet.
    """
    names = Counter(id(p) for _, p in model.named_parameters(remove_duplicate=False))
    reasons: dict[int, str] = {}
    adapters: list[LayerAdapter] = []
    for name, module in model.named_modules():
        _refuse_lazy(name, module)
        reason = _reason_against(
            module, names, max_factor_dim=max_factor_dim, limit_outputs=limit_outputs
        )
        if reason is None:
            adapters += _adapters_of(clean_name(name), module)
        else:
            reasons.update({id(p): reason for p in module.parameters(recurse=False)})
    taken = {id(p) for adapter in adapters for p in adapter.parameters}
    first_order = tuple(
        (FirstOrderParameter(clean_name(name), reasons.get(id(p), "frozen bias")), p)
        for name, p in model.named_parameters()
        if id(p) not in taken
    )
    if not adapters:
        raise UnsupportedModelError(
            f"{type(model).__name__} has no layer that K-BFGS can precondition: it needs a "
            "torch.nn.Linear or Conv2d with a weight that is trained; otherwise use "
            "torch.optim.AdamW"
        )
    return Assignment(tuple(adapters), first_order)


def _adapters_of(name: str, module: nn.Module) -> list[LayerAdapter]:
    """One adapter for each matrix of a module."""
    if isinstance(module, nn.Linear):
        return [LinearAdapter(name, module)]
    assert isinstance(module, nn.Conv2d)
    if module.groups == 1:
        return [ConvAdapter(name, module, group=None)]
    return [ConvAdapter(name, module, group=group) for group in range(module.groups)]


def _refuse_lazy(name: str, module: nn.Module) -> None:
    if any(isinstance(p, UninitializedParameter) for p in module.parameters(recurse=False)):
        raise UnsupportedModelError(
            f"layer {name!r} is not initialized: run one forward before building the optimizer"
        )


def _reason_against(
    module: nn.Module, names: Counter[int], *, max_factor_dim: int, limit_outputs: bool
) -> str | None:
    """Why a module's own parameters cannot be preconditioned, or None."""
    if type(module) not in (nn.Linear, nn.Conv2d):
        return f"{type(module).__name__} is not preconditioned"
    if "weight" not in module._parameters:
        return "its weight is computed from other parameters"
    weight = cast("nn.Parameter", module.weight)
    groups = module.groups if isinstance(module, nn.Conv2d) else 1
    outputs = weight.shape[0] // groups
    inputs = weight[:1].numel() + (module.bias is not None)
    side = max(inputs, outputs) if limit_outputs else inputs
    checks = (
        (
            groups > 1 and outputs < MIN_GROUP_OUTPUTS,
            f"its {groups} groups have fewer than {MIN_GROUP_OUTPUTS} outputs each",
        ),
        (not weight.requires_grad, "its weight is frozen"),
        (any(names[id(p)] > 1 for p in module.parameters()), "shared with another module"),
        (weight.dtype not in _DTYPES, f"its dtype is {weight.dtype}"),
        (weight.numel() == 0, "it is empty"),
        (side > max_factor_dim, f"a side is larger than max_factor_dim={max_factor_dim}"),
    )
    return next((reason for failed, reason in checks if failed), None)
