"""A comparison's trials and curves as files."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from service.contracts.forms import DataForm, DataTable, data_kind, file_name
from service.domain.errors import NotFound
from service.domain.ports import Units
from service.domain.records import ComparisonRecord, TrialRecord
from service.exports.data.source import Curves

_VERSION = 1
"""Moves when the same rows are written otherwise."""
_TRIALS_AT_ONCE = 200
_POINTS_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file that is written while it is read."""

    name: str
    media_type: str
    stamp: str
    """Differs wherever the comparison's rows give another file."""
    pieces: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Exports:
    """What people take away of a comparison's data."""

    units: Units

    def data(self, comparison_id: str, form: DataForm, table: DataTable | None = None) -> DataFile:
        """The trials and curves in that form, read a few at a time while the pieces are taken.

        Of a comparison that runs each trial is as it was when its piece was read.

        Raises:
            NotFound: Where there is no such comparison.
        """
        from service.exports.data.writing import write_data

        with self.units.read() as unit:
            comparison = unit.comparisons.get(comparison_id)
            if comparison is None:
                raise NotFound(f"there is no comparison {comparison_id}")
            rows = (comparison.last_change, *unit.trials.stamp(comparison_id))
        kind = data_kind(form, table)
        what = repr((_VERSION, comparison_id, kind, rows))
        return DataFile(
            name=file_name(comparison.name, comparison_id, kind.suffix),
            media_type=kind.media_type,
            stamp=sha256(what.encode()).hexdigest()[:32],
            pieces=write_data(_Stored(self.units, comparison), form, table),
        )


@dataclass(frozen=True, slots=True)
class _Stored:
    """The rows of a comparison, in short transactions: a slow reader holds none open."""

    units: Units
    comparison: ComparisonRecord

    def trials(self) -> Iterator[TrialRecord]:
        """Every trial by number."""
        for page in self._pages():
            yield from page

    def curves(self) -> Curves:
        """Every trial by number with its points."""
        for page in self._pages():
            for few in _few_points(page):
                with self.units.read() as unit:
                    points = unit.points.columns([trial.key for trial in few])
                for trial in few:
                    yield trial, points[trial.key]

    def _pages(self) -> Iterator[tuple[TrialRecord, ...]]:
        after = -1
        while True:
            with self.units.read() as unit:
                page = unit.trials.page(self.comparison.id, after=after, limit=_TRIALS_AT_ONCE)
            if not page:
                return
            yield page
            after = page[-1].number


def _few_points(trials: tuple[TrialRecord, ...]) -> Iterator[list[TrialRecord]]:
    """The trials in parts that have few points together, or one trial with many."""
    part: list[TrialRecord] = []
    points = 0
    for trial in trials:
        if part and points + trial.epochs_done > _POINTS_AT_ONCE:
            yield part
            part, points = [], 0
        part.append(trial)
        points += trial.epochs_done + 1
    yield part
