"""A spec against the catalogue: what is wrong with it, and its contenders spelled out."""

from collections.abc import Iterator

from service.contracts.base import Contract, SettingValue
from service.contracts.catalogue.book import Catalogue
from service.contracts.catalogue.comparison_wide import (
    common_schedule,
    schedule_errors,
    worker_errors,
)
from service.contracts.catalogue.entries import OptimizerEntry
from service.contracts.catalogue.setting import Setting
from service.contracts.errors import FieldError, SpecRefused
from service.contracts.space import Dimension, Range, Space, Values, grid_values, narrowed
from service.contracts.spec import ComparisonSpec, ContenderSpec
from service.contracts.tuning import Search


class Contender(Contract):
    """A contender with its defaults filled in."""

    name: str
    optimizer: str
    settings: dict[str, SettingValue]
    """Every setting that is not searched, or not at every point: then it has its default here."""
    space: Space


def check(spec: ComparisonSpec, catalogue: Catalogue) -> None:
    """Hold a spec against the catalogue.

    Raises:
        SpecRefused: With every field that is wrong and what is allowed there.
    """
    errors = [
        *_problem_errors(spec, catalogue),
        *_metric_errors(spec, catalogue),
        *schedule_errors(spec),
        *worker_errors(spec, catalogue),
    ]
    for index, contender in enumerate(spec.contenders):
        errors.extend(
            _contender_errors(f"contenders[{index}]", contender, catalogue, spec.tuning.search)
        )
    if errors:
        raise SpecRefused(errors)


def resolve(spec: ComparisonSpec, catalogue: Catalogue) -> tuple[Contender, ...]:
    """The spec's contenders with the catalogue's defaults filled in.

    Raises:
        SpecRefused: Where the spec does not fit the catalogue.
    """
    check(spec, catalogue)
    return tuple(_resolved(spec, contender, catalogue) for contender in spec.contenders)


def _resolved(spec: ComparisonSpec, contender: ContenderSpec, catalogue: Catalogue) -> Contender:
    entry = catalogue.optimizer(contender.optimizer)
    assert entry is not None, "checked before"
    space = searched(contender, entry)
    defaults = {setting.name: setting.default for setting in entry.settings}
    settings = {**defaults, **common_schedule(spec, contender), **contender.settings}
    return Contender(
        name=contender.label,
        optimizer=entry.name,
        settings={
            name: value for name, value in settings.items() if name not in space or space[name].when
        },
        space=space,
    )


def searched(contender: ContenderSpec, entry: OptimizerEntry) -> Space:
    """The space that a contender is tuned in: its own, or the default less its fixed settings."""
    if contender.space is not None:
        return contender.space
    return narrowed(entry.space, contender.settings)


def _problem_errors(spec: ComparisonSpec, catalogue: Catalogue) -> Iterator[FieldError]:
    allowed = tuple(entry.name for entry in catalogue.problems)
    for index, name in enumerate(spec.problems):
        entry = catalogue.problem(name)
        where = f"problems[{index}]"
        if entry is None:
            yield FieldError(field=where, message=f"unknown problem {name!r}", allowed=allowed)
        elif spec.batch_size is not None and spec.batch_size > entry.training_rows:
            yield FieldError(
                field="batch_size",
                message=f"must be <= {entry.training_rows}, the rows of {name}, "
                f"got {spec.batch_size}",
            )


def _metric_errors(spec: ComparisonSpec, catalogue: Catalogue) -> Iterator[FieldError]:
    metric = spec.tuning.metric
    entries = [entry for entry in map(catalogue.problem, spec.problems) if entry is not None]
    lacking = [entry.name for entry in entries if metric not in (None, *entry.selectable)]
    if lacking:
        yield FieldError(
            field="tuning.metric",
            message=f"{', '.join(lacking)} has no validation rows, got {metric!r}",
            allowed=("train_loss",),
        )


def _contender_errors(
    where: str, contender: ContenderSpec, catalogue: Catalogue, search: Search
) -> Iterator[FieldError]:
    entry = catalogue.optimizer(contender.optimizer)
    if entry is None:
        yield FieldError(
            field=f"{where}.optimizer",
            message=f"unknown optimizer {contender.optimizer!r}",
            allowed=tuple(entry.name for entry in catalogue.optimizers),
        )
        return
    yield from _setting_errors(f"{where}.settings", contender.settings, entry)
    yield from _unmet_needs(f"{where}.settings", contender, entry)
    yield from _space_errors(f"{where}.space", contender, entry, search)


def _setting_errors(
    where: str, settings: dict[str, SettingValue], entry: OptimizerEntry
) -> Iterator[FieldError]:
    for name, value in settings.items():
        setting = entry.setting(name)
        if setting is None:
            allowed = tuple(known.name for known in entry.settings)
            yield FieldError(
                field=f"{where}.{name}",
                message=f"{entry.name} has no setting {name!r}",
                allowed=allowed,
            )
        elif refusal := setting.refusal(value):
            yield FieldError(field=f"{where}.{name}", message=refusal, allowed=setting.choices)


def _unmet_needs(
    where: str, contender: ContenderSpec, entry: OptimizerEntry
) -> Iterator[FieldError]:
    """Switches that are on without what they need, at every point of the search."""
    space = searched(contender, entry)
    tried: dict[str, set[SettingValue | None]] = {
        one.name: {contender.settings.get(one.name, one.default)} for one in entry.settings
    }
    for name, dimension in space.items():
        if isinstance(dimension, Values):
            tried[name] = set(dimension.values)
        else:
            tried.pop(name, None)  # of a range some values will do
    for setting in entry.settings:
        other = setting.needs
        if other is not None and tried.get(setting.name) == {True} and tried.get(other) == {0}:
            message = f"needs a {other} above 0, got 0"
            yield FieldError(field=f"{where}.{setting.name}", message=message)


def _space_errors(
    where: str, contender: ContenderSpec, entry: OptimizerEntry, search: Search
) -> Iterator[FieldError]:
    for name, dimension in (contender.space or {}).items():
        setting = entry.setting(name)
        if setting is None or not searchable(setting, dimension):
            kind = "list" if isinstance(dimension, Values) else "range"
            yield FieldError(
                field=f"{where}.{name}",
                message=f"{entry.name} has no setting {name!r} that can be searched in a {kind}",
                allowed=tuple(s.name for s in entry.settings if searchable(s, dimension)),
            )
        elif name in contender.settings:
            yield FieldError(
                field=f"{where}.{name}", message="is fixed in settings; give one of the two"
            )
        else:
            yield from dimension_errors(f"{where}.{name}", dimension, setting)
    yield from _grid_errors(where, searched(contender, entry), search)


def searchable(setting: Setting, dimension: Dimension) -> bool:
    """A list can hold values of any setting; a range has numbers that are not whole."""
    return isinstance(dimension, Values) or setting.kind == "float"


def dimension_errors(where: str, dimension: Dimension, setting: Setting) -> Iterator[FieldError]:
    """What the setting does not allow of a dimension that it is searched in."""
    if isinstance(dimension, Values):
        for position, value in enumerate(dimension.values):
            if refusal := setting.refusal(value):
                field = f"{where}.values[{position}]"
                yield FieldError(field=field, message=refusal, allowed=setting.choices)
    else:
        refusals = filter(None, map(setting.refusal, dimension.bounds))
        yield from (FieldError(field=where, message=text) for text in refusals)


def _grid_errors(where: str, space: Space, search: Search) -> Iterator[FieldError]:
    """A range belongs to a grid where it says how many values it gives, and only then."""
    for name, dimension in space.items():
        if search is Search.GRID and grid_values(dimension) is None:
            yield FieldError(
                field=f"{where}.{name}",
                message="a grid needs {values: [...]}, or points: N beside the range",
            )
        elif search is not Search.GRID and isinstance(dimension, Range) and dimension.points:
            yield FieldError(
                field=f"{where}.{name}.points", message=f"is for search: grid, not {search}"
            )
