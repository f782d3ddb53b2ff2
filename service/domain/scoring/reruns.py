"""How far a rerun is what its capsule holds: where it ran otherwise, and whose losses differ."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from service.contracts import numbers
from service.contracts.capsule import Capsule, CapsuleTrial
from service.contracts.catalogue import Catalogue
from service.contracts.events import Environment
from service.contracts.metrics import Metric
from service.contracts.report import RerunReport
from service.contracts.states import ENDED_TRIALS, StudyKind
from service.domain.capsules import losses_of
from service.domain.counterparts import counterparts, trials_in
from service.domain.results import ComparisonResults, TrialResult, trials_of
from service.domain.scoring.findings import titles
from service.domain.selection import choices, deciding_metric, final_loss, select

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
_MOST_CHANGES = 3
"""So many changes of one thing are told one by one."""
_SHOWN = 5
"""So many entries of a list are named."""


@dataclass(frozen=True, slots=True)
class _Repeat:
    """A trial of a capsule and the one that repeats it."""

    before: CapsuleTrial
    now: TrialResult
    losses: str | None
    """The digest of what it measured; None where it has not ended or says nothing."""


def rerun_report(capsule: Capsule, results: ComparisonResults, catalogue: Catalogue) -> RerunReport:
    """What became of the trials of a capsule.

    Args:
        capsule: What was run again.
        results: The rerun's trials, as far as they ran.
        catalogue: Where each problem's deciding loss is found.
    """
    repeats = [*_repeats(capsule, results)]
    measured = [one for one in repeats if one.losses is not None]
    compared = [one for one in measured if one.before.losses is not None]
    other = [one for one in compared if one.before.losses != one.losses]
    apart = [
        difference
        for one in other
        if (difference := _apart(one, deciding_metric(results.spec, one.now.problem, catalogue)))
        is not None
    ]
    return RerunReport(
        comparison_id=capsule.comparison_id,
        capsule=capsule.checksum,
        made_at=capsule.made_at,
        differences=tuple(_differences(capsule, repeats)),
        trials=sum(
            trial.losses is not None and trial.contender not in capsule.cancelled
            for trial in capsule.trials
        ),
        compared=len(compared),
        new=len(measured) - len(compared),
        same=len(compared) - len(other),
        ended_otherwise=sum(one.before.state is not one.now.state for one in other),
        largest_difference=max(apart, default=None),
    )


def unchosen(results: ComparisonResults, catalogue: Catalogue) -> Iterator[str]:
    """Whose finals in a rerun are at another point than its search chooses, each a warning.

    A digest of losses cannot show that a capsule took a contender's worst point for its best; the
    searches, which have run again, do.
    """
    if results.capsule is None:
        return
    named = titles(results.spec, catalogue)
    for problem in results.spec.problems:
        found = choices(results, problem, catalogue)
        entry = catalogue.problem(problem)
        for name, point in select(results, problem, catalogue).items():
            search = trials_of(results, problem, StudyKind.TUNING, name)
            ended = all(trial.state in ENDED_TRIALS for trial in search)
            if ended and found.get(name) != point:
                yield (
                    f"the finals of {named[name]} on {entry.title if entry else problem} are not "
                    "at the point that its search chooses here, but at the capsule's"
                )


def _repeats(capsule: Capsule, results: ComparisonResults) -> Iterator[_Repeat]:
    for problem, kind in product(results.spec.problems, StudyKind):
        runs = sorted(trials_of(results, problem, kind), key=lambda trial: trial.number)
        before = [one for one in trials_in(capsule, problem, kind) if one.runs_again]
        for old, now in counterparts(before, runs):
            yield _Repeat(old, now, losses_of(now))


def _apart(repeat: _Repeat, metric: Metric) -> float | None:
    """How far two final losses lie apart; None where one of the runs has none."""
    before, now = repeat.before.final_loss, final_loss(repeat.now, metric)
    if before is None or now is None:
        return None
    largest = max(abs(before), abs(now))
    return abs(now - before) / largest if largest and math.isfinite(largest) else 0.0


def _differences(capsule: Capsule, repeats: Iterable[_Repeat]) -> Iterator[str]:
    """``threads: 1 then, 2 now``, for whatever was not the same where a trial ran again."""
    places = Counter(
        (one.before.environment, one.now.environment)
        for one in repeats
        if one.before.environment is not None and one.now.environment is not None
    )
    for field, called in _CALLED.items():
        changes: Counter[tuple[str, str]] = Counter()
        for (index, here), count in places.items():
            then, now = _value(capsule.environments[index], field), _value(here, field)
            if then != now:
                changes[then, now] += count
        yield from (f"{called}: {told}" for told in _told(changes, places.total()))


def _told(changes: Counter[tuple[str, str]], trials: int) -> Iterator[str]:
    if len(changes) > _MOST_CHANGES:
        yield f"another in {changes.total():,} of {numbers.counted(trials, 'trial')}"
        return
    for (then, now), count in changes.items():
        some = f" in {count:,} of {numbers.counted(trials, 'trial')}" if count < trials else ""
        yield f"{then} then, {now} now{some}"


def _value(place: Environment, field: str) -> str:
    """What a field holds; of a list its first entries."""
    value = getattr(place, field)
    entries = sorted(map(str, value)) if isinstance(value, tuple) else [str(value)]
    named, more = entries[:_SHOWN], len(entries) - _SHOWN
    return numbers.listed([*named, f"{more} more"] if more > 0 else named) or "unknown"
