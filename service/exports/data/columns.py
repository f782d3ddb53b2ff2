"""The two tables of an export, trials and points: their columns and rows."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from operator import attrgetter
from typing import assert_never

from service.contracts.base import SettingValue
from service.contracts.forms import DataTable
from service.contracts.metrics import Metric
from service.contracts.usage import Phase
from service.domain.records import TrialRecord
from service.exports.data.source import Source


class Kind(Enum):
    """What the values of a column are; each may lack where nothing was measured."""

    WORD = auto()
    """A name or a word of a few, of letters, digits and dashes."""
    TEXT = auto()
    """What a person or a program wrote."""
    WHOLE = auto()
    NUMBER = auto()
    NUMBERS = auto()
    FLAG = auto()
    MOMENT = auto()


@dataclass(frozen=True)
class Column:
    """A column by its name, which ends in its unit."""

    name: str
    kind: Kind


Row = Sequence[object]


@dataclass(frozen=True)
class Table:
    """Columns, and rows that may be read once for each call."""

    columns: tuple[Column, ...]
    rows: Callable[[], Iterator[Row]]


def table_of(source: Source, table: DataTable) -> Table:
    """A table of a comparison's data."""
    match table:
        case DataTable.TRIALS:
            return _trials(source)
        case DataTable.POINTS:
            return Table(_POINT_COLUMNS, lambda: _point_rows(source))
        case _:
            assert_never(table)


Read = Callable[[TrialRecord], object]


def _of(name: str) -> Read:
    return attrgetter(name)


def _within(part: str, name: str) -> Read:
    """A figure of a part that a trial may lack."""

    def read(trial: TrialRecord) -> object:
        found = getattr(trial, part)
        return None if found is None else getattr(found, name)

    return read


def _phase(phase: Phase) -> Read:
    return lambda trial: None if trial.usage is None else trial.usage.phases.get(phase)


def _searched(trial: TrialRecord) -> str:
    return " ".join(sorted(trial.point))


_TRIAL: tuple[tuple[str, Kind, Read], ...] = (
    ("comparison_id", Kind.WORD, _of("comparison_id")),
    ("trial_id", Kind.WORD, _of("id")),
    ("number", Kind.WHOLE, _of("number")),
    ("kind", Kind.WORD, _of("kind")),
    ("problem", Kind.WORD, _of("problem")),
    ("contender", Kind.WORD, _of("contender")),
    ("optimizer", Kind.WORD, _of("optimizer")),
    ("seed", Kind.WHOLE, _of("seed")),
    ("state", Kind.WORD, _of("state")),
    ("failure", Kind.WORD, _of("failure")),
    ("message", Kind.TEXT, _of("message")),
    ("attempt", Kind.WHOLE, _of("attempt")),
    ("epochs_done", Kind.WHOLE, _of("epochs_done")),
    ("best_loss", Kind.NUMBER, _of("best_loss")),
    ("final_loss", Kind.NUMBER, _of("final_loss")),
    ("training_seconds", Kind.NUMBER, _of("training_seconds")),
    ("worker_seconds", Kind.NUMBER, _of("worker_seconds")),
    ("started_at", Kind.MOMENT, _of("started_at")),
    ("ended_at", Kind.MOMENT, _of("ended_at")),
    *((f"{phase}_seconds", Kind.NUMBER, _phase(phase)) for phase in Phase),
    *(
        (name, Kind.WHOLE, _within("usage", name))
        for name in (
            "gradient_bytes",
            "curvature_bytes",
            "peak_memory_bytes",
            "peak_device_memory_bytes",
        )
    ),
    *(
        (name, Kind.TEXT, _within("environment", name))
        for name in ("hostname", "device", "python", "torch")
    ),
    ("threads", Kind.WHOLE, _within("environment", "threads")),
    ("ranks", Kind.WHOLE, _within("environment", "ranks")),
    ("searched", Kind.WORD, _searched),
)


def _trials(source: Source) -> Table:
    """The trials with a column for each setting that any of them has."""
    settings = _setting_kinds(trial.settings for trial in source.trials())
    columns = (
        *(Column(name, kind) for name, kind, _ in _TRIAL),
        *(Column(f"settings.{name}", kind) for name, kind in settings.items()),
    )

    def rows() -> Iterator[Row]:
        for trial in source.trials():
            yield (
                *(read(trial) for _, _, read in _TRIAL),
                *(_setting(trial.settings.get(name), kind) for name, kind in settings.items()),
            )

    return Table(columns, rows)


def _setting_kinds(every: Iterator[Mapping[str, SettingValue]]) -> dict[str, Kind]:
    """The kind of each setting by name; text where trials differ in kind."""
    kinds: dict[str, set[Kind]] = {}
    for settings in every:
        for name, value in settings.items():
            kinds.setdefault(name, set()).add(_kind_of(value))
    return {name: _common(found) for name, found in sorted(kinds.items())}


def _kind_of(value: SettingValue) -> Kind:
    match value:
        case bool():
            return Kind.FLAG
        case int():
            return Kind.WHOLE
        case float():
            return Kind.NUMBER
        case tuple():
            return Kind.NUMBERS
        case str():
            return Kind.TEXT
        case _:
            assert_never(value)


def _common(found: set[Kind]) -> Kind:
    if found == {Kind.WHOLE, Kind.NUMBER}:
        return Kind.NUMBER
    return found.pop() if len(found) == 1 else Kind.TEXT


def _setting(value: SettingValue | None, kind: Kind) -> object:
    if value is None:
        return None
    if kind is Kind.TEXT and not isinstance(value, str):
        return json.dumps(value)
    return float(value) if kind is Kind.NUMBER and isinstance(value, int) else value


_OF_TRIAL = attrgetter("id", "problem", "contender", "kind", "seed")
_FIGURES: tuple[tuple[str, Kind], ...] = (
    ("epoch", Kind.WHOLE),
    ("step", Kind.WHOLE),
    ("training_seconds", Kind.NUMBER),
    ("elapsed_seconds", Kind.NUMBER),
    ("process_seconds", Kind.NUMBER),
    ("gradient_evaluations", Kind.NUMBER),
    ("ranks", Kind.WHOLE),
    *((metric.value, Kind.NUMBER) for metric in Metric),
)
_POINT_COLUMNS = (
    *(Column(name, Kind.WORD) for name in ("trial_id", "problem", "contender", "kind")),
    Column("seed", Kind.WHOLE),
    *(Column(name, kind) for name, kind in _FIGURES),
)


def _point_rows(source: Source) -> Iterator[Row]:
    for trial, points in source.curves():
        known = _OF_TRIAL(trial)
        if points:
            for figures in zip(*(points[name] for name, _ in _FIGURES), strict=True):
                yield known + figures
