"""A plug-in's data file: its catalogue entries, read without a line of its code."""

import tomllib
from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import ValidationError

from service.contracts.base import Contract
from service.contracts.catalogue.book import Catalogue
from service.contracts.catalogue.contenders import dimension_errors, searchable
from service.contracts.catalogue.entries import (
    Factory,
    OptimizerEntry,
    PluginOrigin,
    ProblemEntry,
)
from service.contracts.errors import FieldError, from_validation


class PluginRefused(ValueError):
    """The plug-in cannot be used; the text is one line that says why."""


class Plugin(Contract):
    """What an installed plug-in brings."""

    distribution: str
    version: str
    optimizers: tuple[OptimizerEntry, ...]
    problems: tuple[ProblemEntry, ...]

    @property
    def entries(self) -> tuple[OptimizerEntry | ProblemEntry, ...]:
        """All of it."""
        return (*self.optimizers, *self.problems)

    def __str__(self) -> str:
        """``kbfgs-lion 1.2: optimizer lion; problem noisy-sine``."""
        return f"{self.distribution} {self.version}: {'; '.join(self._names())}"

    def _names(self) -> Iterator[str]:
        yield from (f"optimizer {entry.name}" for entry in self.optimizers)
        yield from (f"problem {entry.name}" for entry in self.problems)


class DisabledPlugin(Contract):
    """A plug-in that is installed and cannot be used."""

    distribution: str
    version: str
    reason: str

    def __str__(self) -> str:
        """``plug-in kbfgs-lion 1.2 is disabled: optimizer 'adam' is built in``."""
        return f"plug-in {self.distribution} {self.version} is disabled: {self.reason}"


class Installed(Contract):
    """Everything that comparisons can name on this machine, and what is left out."""

    catalogue: Catalogue
    plugins: tuple[Plugin, ...]
    disabled: tuple[DisabledPlugin, ...]


class OptimizerTable(OptimizerEntry):
    """An optimizer as the file lists it."""

    factory: Factory
    plugin: None = None
    """Known from the package that the file lies in."""


class ProblemTable(ProblemEntry):
    """A problem as the file lists it."""

    factory: Factory
    plugin: None = None
    """Known from the package that the file lies in."""


class PluginFile(Contract):
    """The whole file."""

    schema_version: Literal[1]
    optimizers: tuple[OptimizerTable, ...] = ()
    problems: tuple[ProblemTable, ...] = ()


def read_plugin(text: str, *, distribution: str, version: str) -> Plugin:
    """The entries of a plug-in's file.

    Args:
        text: The file, in TOML.
        distribution: The installed package that carries it.
        version: That package's.

    Raises:
        PluginRefused: Naming every field that is wrong.
    """
    try:
        document = tomllib.loads(text)
        file = PluginFile.model_validate(document)
    except tomllib.TOMLDecodeError as error:
        raise PluginRefused(f"not TOML: {error}") from error
    except ValidationError as error:
        raise _refused(from_validation(error, document, PluginFile)) from error
    if errors := tuple(_incoherent(file)):
        raise _refused(errors)
    package = {"distribution": distribution, "version": version}
    return Plugin(
        **package,
        optimizers=tuple(
            OptimizerEntry.model_validate(_entry(table, package)) for table in file.optimizers
        ),
        problems=tuple(
            ProblemEntry.model_validate(_entry(table, package)) for table in file.problems
        ),
    )


def add_plugins(base: Catalogue, found: Iterable[Plugin | DisabledPlugin]) -> Installed:
    """The catalogue with what the plug-ins bring, each of them whole or not at all.

    Args:
        base: What comes with the product: its names are taken.
        found: The plug-ins; of two that bring the same name, the first one has it.
    """
    catalogue = base
    plugins: list[Plugin] = []
    disabled: list[DisabledPlugin] = []
    for one in found:
        if isinstance(one, DisabledPlugin):
            disabled.append(one)
        elif reason := next(_taken(one, catalogue), None):
            disabled.append(
                DisabledPlugin(distribution=one.distribution, version=one.version, reason=reason)
            )
        else:
            plugins.append(one)
            catalogue = Catalogue(
                problems=(*catalogue.problems, *one.problems),
                optimizers=(*catalogue.optimizers, *one.optimizers),
            )
    return Installed(catalogue=catalogue, plugins=tuple(plugins), disabled=tuple(disabled))


def _entry(table: OptimizerTable | ProblemTable, package: dict[str, str]) -> dict[str, object]:
    origin = PluginOrigin(**package, factory=table.factory)
    return {**table.model_dump(exclude={"factory"}), "plugin": origin}


def _incoherent(file: PluginFile) -> Iterator[FieldError]:
    """What the fields' own types cannot tell: entries that contradict themselves."""
    if not file.optimizers and not file.problems:
        yield FieldError(field="optimizers", message="neither optimizers nor problems are listed")
    for kind, entries in (("optimizers", file.optimizers), ("problems", file.problems)):
        for index, name in _repeated([entry.name for entry in entries]):
            yield FieldError(field=f"{kind}[{index}].name", message=f"{name!r} is listed twice")
    for index, entry in enumerate(file.optimizers):
        yield from _optimizer_errors(f"optimizers[{index}]", entry)


def _optimizer_errors(where: str, entry: OptimizerEntry) -> Iterator[FieldError]:
    for index, name in _repeated([setting.name for setting in entry.settings]):
        yield FieldError(field=f"{where}.settings[{index}].name", message=f"{name!r} stands twice")
    for index, one in enumerate(entry.settings):
        if refusal := one.refusal(one.default):
            yield FieldError(field=f"{where}.settings[{index}].default", message=refusal)
        if one.needs is not None and entry.setting(one.needs) is None:
            message = f"there is no setting {one.needs!r} here"
            yield FieldError(field=f"{where}.settings[{index}].needs", message=message)
    for name, dimension in entry.space.items():
        setting = entry.setting(name)
        if setting is None or not searchable(setting, dimension):
            message = "no setting that can be searched so"
            yield FieldError(field=f"{where}.space.{name}", message=message)
        else:
            yield from dimension_errors(f"{where}.space.{name}", dimension, setting)


def _repeated(names: list[str]) -> Iterator[tuple[int, str]]:
    return ((index, name) for index, name in enumerate(names) if name in names[:index])


def _taken(plugin: Plugin, catalogue: Catalogue) -> Iterator[str]:
    """Which of the plug-in's names somebody else has, and who."""
    for kind, entries, find in (
        ("optimizer", plugin.optimizers, catalogue.optimizer),
        ("problem", plugin.problems, catalogue.problem),
    ):
        for entry in entries:
            other = find(entry.name)
            if other is not None:
                owner = f"brought by {other.plugin.label}" if other.plugin else "built in"
                yield f"{kind} {entry.name!r} is {owner} already"


def _refused(errors: Iterable[FieldError]) -> PluginRefused:
    lines = (f"{error.field}: {error.message}{_allowed(error)}" for error in errors)
    return PluginRefused("; ".join(lines))


def _allowed(error: FieldError) -> str:
    return f" (allowed: {', '.join(error.allowed)})" if error.allowed else ""
