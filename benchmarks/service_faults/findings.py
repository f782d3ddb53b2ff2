"""What is there after the harm, held against what clients and drivers were told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from api.client import Client
from benchmarks.service_faults.driving import TRIAL_COST, points_of
from benchmarks.service_faults.load import EPOCHS, Load
from service.contracts.states import ENDED_STUDIES, ENDED_TRIALS, ComparisonState
from service.contracts.views import ChangeEvent
from service.contracts.webhooks import Notice
from tests.support.running_service import wait_for

TOLD_WITHIN = 90.0
"""Seconds in which the last notice must have come: who died sending one keeps it for 60."""
ENDS = {"study": ENDED_STUDIES, "trial": ENDED_TRIALS}


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


def found(load: Load) -> Findings:
    """Look at everything that was accepted, by the API and in the audit trail."""
    with load.plant.client() as client:
        faults = list(dict.fromkeys([*_of_the_list(client, load), *_of_each(client, load)]))
        whole = sorted(load.accepted.keys() - load.cancelled)
        curves = [curve for identity in whole for curve in client.metrics(identity)]
        studies = [study for identity in whole for study in client.studies(identity)]
    return Findings(
        comparisons=len(load.accepted),
        points=sum(len(curve.epoch) for curve in curves),
        attempts=max((study.attempt for study in studies), default=0),
        faults=tuple(faults),
    )


def _of_the_list(client: Client, load: Load) -> Iterator[str]:
    """What is wrong with the list of comparisons, and with what was answered."""
    stored = list(client.comparisons())
    there = {one.id: one.name for one in stored}
    if missing := load.accepted.keys() - there.keys():
        yield f"{len(missing)} comparisons are lost"
    if any(count > 1 for count in Counter(one.name for one in stored).values()):
        yield "comparisons are there twice"
    if load.refused:
        yield f"{len(load.refused)} requests were refused, the first with {load.refused[0]}"
    try:
        wait_for(lambda: not _untold(load), TOLD_WITHIN, "notices")
    except AssertionError:
        yield f"{len(_untold(load))} ends were told to nobody"


def _of_each(client: Client, load: Load) -> Iterator[str]:
    """What is wrong with each comparison."""
    for identity in load.accepted:
        state = client.get(identity).state
        changes = load.plant.service.comparisons.changes(identity)
        if [one.number for one in changes] != list(range(1, len(changes) + 1)):
            yield "changes are lost"
        if identity in load.cancelled:
            if state is not ComparisonState.CANCELLED:
                yield f"what was cancelled is {state}"
            continue
        if state is not ComparisonState.FINISHED:
            yield f"comparisons are {state}: {client.get(identity).reason}"
        yield from _of_ends(client, identity, changes)
        yield from _of_curves(client, identity)


def _of_ends(client: Client, identity: str, changes: Sequence[ChangeEvent]) -> Iterator[str]:
    """Whether each study and each trial of a comparison ended once."""
    owned = {
        "study": [study.id for study in client.studies(identity)],
        "trial": [trial.id for trial in client.trials(identity)],
    }
    for subject, ids in owned.items():
        ends = Counter(
            one.subject_id
            for one in changes
            if one.subject == subject and one.after in ENDS[subject]
        )
        if ends != Counter(ids):
            yield f"a {subject} did not end once"


def _of_curves(client: Client, identity: str) -> Iterator[str]:
    """Whether each point of each trial is there once, as its driver told it."""
    curves = {curve.trial_id: curve for curve in client.metrics(identity)}
    for trial in client.trials(identity):
        told = points_of(trial.seed, EPOCHS)
        curve = curves.get(trial.id)
        if curve is None or curve.epoch != tuple(point.epoch for point in told):
            yield "points are lost or doubled"
        elif curve.train_loss != tuple(point.train_loss for point in told):
            yield "points differ"
        if trial.worker_seconds != TRIAL_COST:
            yield "a cost is lost or doubled"


def _untold(load: Load) -> set[str]:
    """The comparisons of whose end no notice has come."""
    notices = [Notice.model_validate_json(one.body) for one in load.plant.receiver.received]
    return load.accepted.keys() - {notice.comparison_id for notice in notices}
