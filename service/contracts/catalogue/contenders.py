"""A spec against the catalogue: what is wrong with it, and its contenders spelled out."""

from collections.abc import Iterator

from service.contracts.base import Contract, SettingValue
from service.contracts.catalogue.book import Catalogue
from service.contracts.catalogue.entries import OptimizerEntry
from service.contracts.errors import FieldError, SpecRefused
from service.contracts.space import Space
from service.contracts.spec import ComparisonSpec, ContenderSpec


class Contender(Contract):
    """A contender with its defaults filled in."""

    name: str
    optimizer: str
    settings: dict[str, SettingValue]
    """Every setting that is not searched."""
    space: Space


def check(spec: ComparisonSpec, catalogue: Catalogue) -> None:
    """Hold a spec against the catalogue.

    Raises:
        SpecRefused: With every field that is wrong and what is allowed there.
    """
    errors = list(_problem_errors(spec, catalogue))
    for index, contender in enumerate(spec.contenders):
        errors.extend(_contender_errors(f"contenders[{index}]", contender, catalogue))
    if errors:
        raise SpecRefused(errors)


def resolve(spec: ComparisonSpec, catalogue: Catalogue) -> tuple[Contender, ...]:
    """The spec's contenders with the catalogue's defaults filled in.

    Raises:
        SpecRefused: Where the spec does not fit the catalogue.
    """
    check(spec, catalogue)
    return tuple(_resolved(contender, catalogue) for contender in spec.contenders)


def _resolved(contender: ContenderSpec, catalogue: Catalogue) -> Contender:
    entry = catalogue.optimizer(contender.optimizer)
    assert entry is not None, "checked before"
    space = searched(contender, entry)
    defaults = {setting.name: setting.default for setting in entry.settings}
    settings = {**defaults, **contender.settings}
    return Contender(
        name=contender.label,
        optimizer=entry.name,
        settings={name: value for name, value in settings.items() if name not in space},
        space=space,
    )


def searched(contender: ContenderSpec, entry: OptimizerEntry) -> Space:
    """The space that a contender is tuned in: its own, or the default less its fixed settings."""
    if contender.space is not None:
        return contender.space
    return {name: entry.space[name] for name in entry.space if name not in contender.settings}


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


def _contender_errors(
    where: str, contender: ContenderSpec, catalogue: Catalogue
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
    yield from _space_errors(f"{where}.space", contender, entry)


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


def _space_errors(
    where: str, contender: ContenderSpec, entry: OptimizerEntry
) -> Iterator[FieldError]:
    searchable = tuple(setting.name for setting in entry.settings if setting.kind == "float")
    for name, dimension in (contender.space or {}).items():
        setting = entry.setting(name)
        if setting is None or name not in searchable:
            yield FieldError(
                field=f"{where}.{name}",
                message=f"{entry.name} has no setting {name!r} that can be searched",
                allowed=searchable,
            )
        elif name in contender.settings:
            yield FieldError(
                field=f"{where}.{name}", message="is fixed in settings; give one of the two"
            )
        else:
            refusals = filter(None, map(setting.refusal, dimension.bounds))
            yield from (FieldError(field=f"{where}.{name}", message=text) for text in refusals)
