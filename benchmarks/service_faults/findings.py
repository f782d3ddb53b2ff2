"""What is there after the harm, held against what clients and drivers were told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from api.client import Client
from benchmarks.service_faults.driving import TRIAL_COST, points_of
from benchmarks.service_faults.load import EPOCHS, Load
from service.contracts.states import ENDED_STUDIES, ENDED_TRIALS, ComparisonState
from service.contracts.views import ChangeEvent, ComparisonView, Series, StudyView, TrialView
from service.contracts.webhooks import Notice
from tests.support.running_service import wait_for

TOLD_WITHIN = 60.0
"""Seconds in which the last notice must have come: who died sending one keeps it for 20."""


@dataclass(frozen=True)
class Findings:
    """What was found.

    Attributes:
        comparisons: How many were accepted.
        points: Metric points that are stored of those that ran to their end.
        attempts: The most attempts that a study took.
        faults: What is not as it should be; empty where all is well.
    """

    comparisons: int
    points: int
    attempts: int
    faults: tuple[str, ...]


@dataclass(frozen=True)
class Whole:
    """A comparison that ran to its end, with all that is stored of it."""

    studies: tuple[StudyView, ...]
    trials: tuple[TrialView, ...]
    curves: Mapping[str, Series]
    """By the trial's id."""
    changes: tuple[ChangeEvent, ...]

    def faults(self) -> Iterator[str]:
        """What is not there once, as it was told."""
        for subject, ids, ended in (
            ("study", [study.id for study in self.studies], ENDED_STUDIES),
            ("trial", [trial.id for trial in self.trials], ENDED_TRIALS),
        ):
            ends = [
                one.subject_id
                for one in self.changes
                if one.subject == subject and one.after in ended
            ]
            if Counter(ends) != Counter(ids):
                yield f"a {subject} did not end once"
        for trial in self.trials:
            yield from self._of_trial(trial)

    def _of_trial(self, trial: TrialView) -> Iterator[str]:
        told, curve = points_of(trial.seed, EPOCHS), self.curves.get(trial.id)
        if curve is None or curve.epoch != tuple(point.epoch for point in told):
            yield "points are lost or doubled"
        elif curve.train_loss != tuple(point.train_loss for point in told):
            yield "points differ"
        if trial.worker_seconds != TRIAL_COST:
            yield "a cost is lost or doubled"


def found(load: Load) -> Findings:
    """Look at everything that was accepted, by the API and in the audit trail."""
    with load.plant.client() as client:
        stored = list(client.comparisons())
        there = {one.id for one in stored}
        ran = load.accepted.keys() & there - load.cancelled
        wholes = [_whole(client, load, identity) for identity in sorted(ran)]
    faults = [*_of_the_list(stored, load), *_of_states(stored, load), *_of_notices(load)]
    faults += [words for whole in wholes for words in whole.faults()]
    attempts = [study.attempt for whole in wholes for study in whole.studies]
    return Findings(
        comparisons=len(load.accepted),
        points=sum(len(curve.epoch) for whole in wholes for curve in whole.curves.values()),
        attempts=max(attempts, default=0),
        faults=tuple(dict.fromkeys(faults)),
    )


def _whole(client: Client, load: Load, identity: str) -> Whole:
    return Whole(
        studies=client.studies(identity),
        trials=client.trials(identity),
        curves={curve.trial_id: curve for curve in client.metrics(identity)},
        changes=load.plant.service.comparisons.changes(identity),
    )


def _of_the_list(stored: list[ComparisonView], load: Load) -> Iterator[str]:
    """What is wrong with which comparisons there are, and with what clients were answered."""
    if missing := load.accepted.keys() - {one.id for one in stored}:
        yield f"{len(missing)} comparisons are lost"
    if any(count > 1 for count in Counter(one.name for one in stored).values()):
        yield "comparisons are there twice"
    if load.refused:
        yield f"{len(load.refused)} requests were refused, the first with {load.refused[0]}"


def _of_states(stored: list[ComparisonView], load: Load) -> Iterator[str]:
    """Whether each comparison came where it should, and no change of its states is missing."""
    for one in stored:
        cancelled = one.id in load.cancelled
        expected = ComparisonState.CANCELLED if cancelled else ComparisonState.FINISHED
        if one.id in load.accepted and one.state is not expected:
            yield f"what should be {expected} is {one.state} {one.reason}"
        changes = load.plant.service.comparisons.changes(one.id)
        if [change.number for change in changes] != list(range(1, len(changes) + 1)):
            yield "changes are lost"


def _of_notices(load: Load) -> Iterator[str]:
    """Whether somebody was told of each end."""
    try:
        wait_for(lambda: not _untold(load), TOLD_WITHIN, "notices")
    except AssertionError:
        yield f"{len(_untold(load))} ends were told to nobody"


def _untold(load: Load) -> set[str]:
    """The comparisons of whose end no notice has come."""
    notices = [Notice.model_validate_json(one.body) for one in load.plant.receiver.received]
    return load.accepted.keys() - {notice.comparison_id for notice in notices}
