"""The catalogue's optimizers, built from resolved settings."""

from collections.abc import Mapping

import torch
from torch import nn

from service.contracts.catalogue import PluginOrigin
from service.contracts.schedule import SETTING_NAMES
from workers.optimizers import first_order, kronecker, lbfgs, matrices, paper
from workers.optimizers.base import (
    Factory,
    Settings,
    StepsOnBatches,
    TellsPhases,
    UnknownOptimizer,
    WarmStarting,
    without,
)
from workers.plugins import PluginBroken, load_factory, optimizer_origin

__all__ = [
    "FACTORIES",
    "StepsOnBatches",
    "TellsPhases",
    "UnknownOptimizer",
    "WarmStarting",
    "build_optimizer",
    "optimizer_factory",
    "wants_warm_start",
]

FACTORIES: Mapping[str, Factory] = {
    "kbfgs": kronecker.kbfgs,
    "kbfgs-l": kronecker.kbfgs,
    "kfac": kronecker.kfac,
    "adam": first_order.adam,
    "adam-paper": first_order.adam,
    "adamw": first_order.adamw,
    "nadamw": first_order.nadamw,
    "rmsprop": first_order.rmsprop,
    "rmsprop-paper": paper.rmsprop,
    "sgd": first_order.sgd,
    "sgd-paper": paper.sgd,
    "lbfgs": lbfgs.lbfgs,
    "muon": matrices.muon,
    "soap": matrices.soap,
    "shampoo": matrices.shampoo,
}
"""A factory for every optimizer of the catalogue."""


def build_optimizer(name: str, model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """The optimizer of that name over the model's parameters.

    Args:
        name: Its name in the catalogue.
        model: What it trains.
        settings: Every setting of the catalogue's entry, and no other; the schedule's are not
            the optimizer's business.

    Raises:
        UnknownOptimizer: If there is no factory of that name.
        PluginBroken: If its plug-in does not give an optimizer.
        ValueError: From the optimizer, for a value that it refuses.
    """
    return optimizer_factory(name)(model, without(settings, *SETTING_NAMES.values()))


def optimizer_factory(name: str) -> Factory:
    """What builds the optimizer of that name, built in or from a plug-in.

    Raises:
        UnknownOptimizer: If there is no factory of that name.
        PluginBroken: If its plug-in cannot be imported.
    """
    factory = FACTORIES.get(name)
    if factory is not None:
        return factory
    origin = optimizer_origin(name)
    if origin is None:
        raise UnknownOptimizer(f"no optimizer {name!r}; these workers have {', '.join(FACTORIES)}")
    return _from_plugin(origin)


def wants_warm_start(settings: Settings) -> bool:
    """Whether the settings ask for a pass over the training data before the first step."""
    return bool(settings.get("warm_start", False))


def _from_plugin(origin: PluginOrigin) -> Factory:
    build = load_factory(origin)

    def checked(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
        optimizer = build(model, settings)
        if not isinstance(optimizer, torch.optim.Optimizer):
            given = f"{origin.factory} gave {type(optimizer).__name__}"
            raise PluginBroken(origin, f"{given}, which is no torch.optim.Optimizer")
        return optimizer

    return checked
