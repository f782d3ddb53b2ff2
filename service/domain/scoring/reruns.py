"""How far a rerun is what its capsule holds: where it ran otherwise, and whose losses differ."""

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from service.contracts import numbers
from service.contracts.capsule import Capsule, CapsuleTrial
from service.contracts.catalogue import Catalogue
from service.contracts.events import Environment
from service.contracts.report import RerunReport
from service.contracts.states import StudyKind
from service.domain.capsules import losses_of
from service.domain.counterparts import counterparts, trials_in
from service.domain.results import ComparisonResults, TrialResult, trials_of
from service.domain.selection import deciding_metric, final_loss

_CALLED: Mapping[str, str] = {
    "hostname": "host",
    "device": "device",
    "instructions": "processor's instructions",
    "python": "Python",
    "torch": "PyTorch",
    "ray": "Ray",
    "kbfgs": "kbfgs",
    "revision": "git revision",
    "threads": "threads",
    "ranks": "ranks",
    "plugins": "plug-ins",
    "data": "data",
}
"""Where two runs may differ, as people call it."""
_SHOWN = 5
"""So many different values are named."""


def rerun_report(capsule: Capsule, results: ComparisonResults, catalogue: Catalogue) -> RerunReport:
    """What became of the trials of a capsule.

    Args:
        capsule: What was run again.
        results: The rerun's trials, as far as they ran.
        catalogue: Where each problem's deciding loss is found.
    """
    pairs = [pair for pair in _pairs(capsule, results) if losses_of(pair[1]) is not None]
    other = [
        (before, trial, deciding_metric(results.spec, trial.problem, catalogue))
        for before, trial in pairs
        if before.losses != losses_of(trial)
    ]
    apart = [
        difference
        for before, trial, metric in other
        if (difference := _relative(before.final_loss, final_loss(trial, metric))) is not None
    ]
    return RerunReport(
        comparison_id=capsule.comparison_id,
        capsule=capsule.checksum,
        made_at=capsule.made_at,
        differences=tuple(_differences(capsule, results)),
        trials=sum(trial.losses is not None for trial in capsule.trials),
        compared=len(pairs),
        same=len(pairs) - len(other),
        ended_otherwise=sum(before.state is not trial.state for before, trial, _ in other),
        largest_difference=max(apart, default=None),
    )


def _pairs(
    capsule: Capsule, results: ComparisonResults
) -> Iterator[tuple[CapsuleTrial, TrialResult]]:
    """Every trial that measured something then, with what repeats it."""
    for problem, kind in product(results.spec.problems, StudyKind):
        runs = sorted(trials_of(results, problem, kind), key=lambda trial: trial.number)
        for before, trial in counterparts(trials_in(capsule, problem, kind), runs):
            if before.losses is not None:
                yield before, trial


def _relative(before: float | None, now: float | None) -> float | None:
    """How far two final losses lie apart; None where one of the runs has none."""
    if before is None or now is None:
        return None
    largest = max(abs(before), abs(now))
    return abs(now - before) / largest if largest and math.isfinite(largest) else 0.0


def _differences(capsule: Capsule, results: ComparisonResults) -> Iterator[str]:
    """``threads: 1 then, 2 now``, for each thing that is not the same."""
    ran = [trial.environment for trial in results.trials if trial.environment is not None]
    if not ran:
        return
    for field, called in _CALLED.items():
        before, now = _values(capsule.environments, field), _values(ran, field)
        if before != now:
            yield f"{called}: {_written(before)} then, {_written(now)} now"


def _values(places: Iterable[Environment], field: str) -> frozenset[str]:
    """What a field holds in any of them; of a list each entry."""
    found = (getattr(place, field) for place in places)
    each = (value if isinstance(value, tuple) else (value,) for value in found)
    return frozenset(str(entry) for entries in each for entry in entries if entry != "")


def _written(values: frozenset[str]) -> str:
    named, more = sorted(values)[:_SHOWN], len(values) - _SHOWN
    return numbers.listed([*named, f"{more} more"] if more > 0 else named) or "unknown"
