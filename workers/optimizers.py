"""The catalogue's optimizers, built from resolved settings."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from kbfgs import KBFGS
from service.contracts.base import SettingValue
from service.contracts.catalogue import PluginOrigin
from workers.plugins import PluginBroken, load_factory, optimizer_origin

Settings = Mapping[str, SettingValue]
Factory = Callable[[nn.Module, Settings], torch.optim.Optimizer]


class UnknownOptimizer(LookupError):
    """The catalogue names an optimizer that these workers cannot build."""


@runtime_checkable
class WarmStarting(Protocol):
    """An optimizer that first looks at the training data, without gradients."""

    def warm_start(self) -> AbstractContextManager[None]:
        """Inside, forwards of the model are recorded."""
        ...


def build_optimizer(name: str, model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """The optimizer of that name over the model's parameters.

    Args:
        name: Its name in the catalogue.
        model: What it trains.
        settings: Every setting of the catalogue's entry, and no other.

    Raises:
        UnknownOptimizer: If there is no factory of that name.
        PluginBroken: If its plug-in does not give an optimizer.
        ValueError: From the optimizer, for a value that it refuses.
    """
    return optimizer_factory(name)(model, settings)


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


def warm_start(
    optimizer: torch.optim.Optimizer, model: nn.Module, inputs: Iterable[torch.Tensor]
) -> None:
    """Show the optimizer the training data once, forward only.

    Raises:
        TypeError: If the optimizer has no warm start.
    """
    if not isinstance(optimizer, WarmStarting):
        raise TypeError(f"{type(optimizer).__name__} has no warm start")
    with optimizer.warm_start():
        for batch in inputs:
            model(batch)


def _kbfgs(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """K-BFGS; ``safeguard`` false gives the paper exactly, true the library's default."""
    keywords = _without(settings, "safeguard", "warm_start")
    if not settings["safeguard"]:
        keywords["safeguard"] = None
    return KBFGS(model, **keywords)  # type: ignore[arg-type]


def _adam(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), **settings)  # type: ignore[arg-type]


def _rmsprop(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    return torch.optim.RMSprop(model.parameters(), **settings)  # type: ignore[arg-type]


def _sgd(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), **settings)  # type: ignore[arg-type]


def _from_plugin(origin: PluginOrigin) -> Factory:
    build = load_factory(origin)

    def checked(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
        optimizer = build(model, settings)
        if not isinstance(optimizer, torch.optim.Optimizer):
            given = f"{origin.factory} gave {type(optimizer).__name__}"
            raise PluginBroken(origin, f"{given}, which is no torch.optim.Optimizer")
        return optimizer

    return checked


def _without(settings: Settings, *names: str) -> dict[str, SettingValue | None]:
    return {name: value for name, value in settings.items() if name not in names}


FACTORIES: Mapping[str, Factory] = {
    "kbfgs": _kbfgs,
    "adam": _adam,
    "rmsprop": _rmsprop,
    "sgd": _sgd,
}
"""A factory for every optimizer of the catalogue."""
