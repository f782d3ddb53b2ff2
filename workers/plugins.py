"""The factories that plug-ins bring: the one place where a plug-in's code is imported."""

import importlib
from collections.abc import Callable
from typing import Any

from service.contracts.catalogue import OptimizerEntry, PluginOrigin, ProblemEntry, look


class PluginBroken(Exception):
    """A plug-in's code does not give what its file promises; the text is one line about it."""

    def __init__(self, origin: PluginOrigin, reason: str) -> None:
        super().__init__(f"plug-in {origin.label} is disabled: {reason}")


def optimizer_origin(name: str) -> PluginOrigin | None:
    """Where the optimizer of that name comes from, if an installed plug-in brings it."""
    return _origin(look().catalogue.optimizer(name))


def problem_origin(name: str) -> PluginOrigin | None:
    """Where the problem of that name comes from, if an installed plug-in brings it."""
    return _origin(look().catalogue.problem(name))


def load_factory(origin: PluginOrigin) -> Callable[..., Any]:
    """Import a factory.

    Raises:
        PluginBroken: If its module cannot be imported, for whatever reason, or has no such
            function.
    """
    name, _, function = origin.factory.partition(":")
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise PluginBroken(origin, f"importing {name} raised {said}") from error
    factory = getattr(module, function, None)
    if not callable(factory):
        raise PluginBroken(origin, f"{name} has no function {function}")
    return factory  # type: ignore[no-any-return]


def fault_of(entry: OptimizerEntry | ProblemEntry) -> str | None:
    """What goes wrong when the entry's factory is imported; None where nothing does."""
    try:
        if entry.plugin is not None:
            load_factory(entry.plugin)
    except PluginBroken as error:
        return str(error)
    return None


def made_with(*, problem: str, optimizer: str) -> tuple[str, ...]:
    """The plug-ins that bring these two, with their versions; none for built-ins."""
    origins = filter(None, (problem_origin(problem), optimizer_origin(optimizer)))
    return tuple(sorted({origin.label for origin in origins}))


def _origin(entry: OptimizerEntry | ProblemEntry | None) -> PluginOrigin | None:
    return entry.plugin if entry is not None else None
