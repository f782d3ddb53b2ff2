"""The trials of a rerun beside those that they repeat."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from service.contracts.capsule import Capsule, CapsuleTrial
from service.contracts.plan import PlannedStudy
from service.contracts.points import Point
from service.contracts.states import StudyKind, TrialState


class Run(Protocol):
    """A trial of a study, planned or run."""

    @property
    def contender(self) -> str:
        """Whose it is."""
        ...

    @property
    def point(self) -> Point:
        """Its searched settings."""
        ...

    @property
    def seed(self) -> int:
        """Its seed."""
        ...


RunT = TypeVar("RunT", bound=Run)


def counterparts(
    before: Iterable[CapsuleTrial], runs: Iterable[RunT]
) -> Iterator[tuple[CapsuleTrial, RunT]]:
    """Each run of a study with the trial that it repeats: the same contender, point and seed.

    Equal ones are taken in their order.
    """
    waiting: dict[tuple[str, str, int], list[CapsuleTrial]] = {}
    for trial in before:
        waiting.setdefault(_key(trial), []).append(trial)
    for run in runs:
        if same := waiting.get(_key(run)):
            yield same.pop(0), run


def trials_in(
    capsule: Capsule, problem: str, kind: StudyKind, contender: str | None = None
) -> tuple[CapsuleTrial, ...]:
    """The trials of one kind on one problem, of one contender or of all."""
    return tuple(
        trial
        for trial in capsule.trials
        if (trial.problem, trial.kind) == (problem, kind)
        and (contender is None or trial.contender == contender)
    )


def grouped(capsule: Capsule) -> Mapping[tuple[str, StudyKind, str], Sequence[CapsuleTrial]]:
    """The trials by problem, kind and contender, in one pass; who has none has an empty list."""
    found: defaultdict[tuple[str, StudyKind, str], list[CapsuleTrial]] = defaultdict(list)
    for trial in capsule.trials:
        found[trial.problem, trial.kind, trial.contender].append(trial)
    return found


def stops(capsule: Capsule, study: PlannedStudy) -> dict[int, int]:
    """The epochs after which trials of a search are stopped again, by the trials' numbers."""
    before = trials_in(capsule, study.problem, study.kind, study.contender)
    return {
        planned.number: trial.epochs
        for trial, planned in counterparts(before, study.trials)
        if trial.state is TrialState.STOPPED and trial.losses is not None
    }


def _key(run: Run) -> tuple[str, str, int]:
    return (run.contender, json.dumps(run.point, sort_keys=True), run.seed)
