"""Reports: the final one as it was stored, or an interim one from what there is so far."""

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from service.contracts.agreement import ReportAgreement, TwoReports
from service.contracts.catalogue import Catalogue
from service.contracts.forms import ReportForm, file_name
from service.contracts.report import Report
from service.contracts.states import ENDED_COMPARISONS, ComparisonState
from service.domain.errors import NotFound
from service.domain.ports import Clock, UnitOfWork, Units
from service.domain.records import ComparisonRecord
from service.domain.results import ComparisonResults
from service.domain.selection import current
from service.usecases.progress import Scoring
from service.usecases.results import read_results

_KEPT = 32
"""Comparisons whose interim report is kept."""

Stamp = tuple[object, ...]
"""Differs wherever a comparison's rows give another report."""


@dataclass(slots=True)
class InterimReports:
    """The latest interim reports of this process: as long as nothing moves, none is made again."""

    _kept: OrderedDict[str, tuple[Stamp, Report]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, comparison_id: str, stamp: Stamp) -> Report | None:
        """The report of a comparison, where it was made of the same rows."""
        with self._lock:
            kept = self._kept.get(comparison_id)
            return kept[1] if kept is not None and kept[0] == stamp else None

    def put(self, stamp: Stamp, report: Report) -> None:
        """Keep a report, and let the oldest one go."""
        with self._lock:
            self._kept[report.comparison_id] = (stamp, report)
            self._kept.move_to_end(report.comparison_id)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Reports:
    """What people may ask about the verdict."""

    units: Units
    catalogue: Catalogue
    clock: Clock
    scoring: Scoring
    _interim: InterimReports = field(default_factory=InterimReports)

    def report(self, comparison_id: str) -> Report:
        """The report of a comparison; interim while runs are missing.

        Where an extension came to no report, that is the one from before it, which says so. An
        interim one is made once for each change and each point of its comparison.

        Raises:
            NotFound: Where there is no such comparison.
        """
        with self.units.read() as unit:
            comparison = _found(unit, comparison_id)
            if comparison.state in ENDED_COMPARISONS and (
                stored := unit.reports.get(comparison_id)
            ):
                return _as_it_stands(stored, comparison)
            stamp = (comparison.last_change, *unit.trials.stamp(comparison_id))
            if kept := self._interim.get(comparison_id, stamp):
                return kept
            results = read_results(unit, comparison, complete=False)
        report = self.scoring(results, self.catalogue, self.clock.now())
        self._interim.put(stamp, report)
        return report

    def agreement(self, two: TwoReports) -> ReportAgreement:
        """Whether what the earlier of two reports claims held in the later one."""
        from service.domain.scoring.agreement import agreement

        return agreement(two.then, two.now)

    def file(self, comparison_id: str, form: ReportForm) -> tuple[str, bytes]:
        """The report in that form: how its file is called, and what it holds.

        Raises:
            NotFound: Where there is no such comparison.
        """
        from service.exports.rendering import render_report

        report = self.report(comparison_id)

        def results() -> ComparisonResults:
            with self.units.read() as unit:
                comparison = _found(unit, comparison_id)
                found = read_results(unit, comparison, complete=report.status == "final")
            return current(found, self.catalogue)

        name = file_name(report.name, report.comparison_id, form.suffix)
        return name, render_report(report, form, results)


def _as_it_stands(stored: Report, comparison: ComparisonRecord) -> Report:
    """The stored report; where an extension came to none, marked as the one from before it."""
    if comparison.state is ComparisonState.FINISHED:
        return stored
    warning = (
        "this report is from before the comparison was extended, which came to no verdict: "
        f"{comparison.reason}"
    )
    return stored.model_copy(update={"warnings": (warning, *stored.warnings)})


def _found(unit: UnitOfWork, comparison_id: str) -> ComparisonRecord:
    comparison = unit.comparisons.get(comparison_id)
    if comparison is None:
        raise NotFound(f"there is no comparison {comparison_id}")
    return comparison
