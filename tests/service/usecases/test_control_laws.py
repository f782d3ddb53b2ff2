"""Whatever people ask for in whatever order, studies fit their trials, and all comes to an end."""

import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from service.contracts.extension import Extension
from service.contracts.states import (
    ENDED_COMPARISONS,
    ENDED_STUDIES,
    ENDED_TRIALS,
    ComparisonState,
    StudyState,
    TrialState,
)
from service.db.engine import open_engine
from service.domain.errors import Conflict, FieldsRefused, NotFound
from tests.support import databases
from tests.support.control_plane import PERSON, ControlPlane, FakeDriver, control_plane

VERBS = st.sampled_from(["cancel", "pause", "resume"])
DEEDS = st.one_of(
    st.tuples(st.just("whole"), st.sampled_from(["pause", "resume"]), st.none()),
    st.tuples(st.just("contender"), VERBS, st.sampled_from(["kbfgs", "adam"])),
    st.tuples(st.just("trial"), VERBS, st.integers(0, 7)),
    st.tuples(st.just("extend"), st.sampled_from(["trials", "epochs", "seeds"]), st.just(4)),
    st.tuples(st.sampled_from(["tick", "drive", "finish", "kill"]), st.just(""), st.none()),
)

Deed = tuple[str, str, str | int | None]
TICK: Deed = ("tick", "", None)
RESTING: list[Deed] = [
    ("contender", "pause", "kbfgs"),
    TICK,
    *[("finish", "", None)] * 2,
    ("kill", "", None),
    *[TICK] * 6,
]
"""After these, kbfgs is held and adam's search is over: the service has paused the comparison."""


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(deeds=st.lists(DEEDS, min_size=3, max_size=12))
@example(deeds=[*RESTING, ("contender", "cancel", "kbfgs")])
def test_no_order_of_wishes_leaves_a_comparison_stuck(
    sqlite_template: Path, deeds: list[Deed]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(databases.sqlite_copy(sqlite_template, Path(folder)))
        plane = control_plane(engine, Path(folder))
        comparison_id = plane.submit()
        for kind, verb, what in deeds:
            with suppress(Conflict, FieldsRefused, NotFound):
                do(plane, comparison_id, kind, verb, what)
            check(plane, comparison_id)
        come_to_an_end(plane, comparison_id)
        engine.dispose()


def do(
    plane: ControlPlane, comparison_id: str, kind: str, verb: str, what: str | int | None
) -> None:
    control = plane.service.control
    match kind:
        case "whole" | "contender":
            getattr(control, verb)(comparison_id, actor=PERSON, contender=what)
        case "trial":
            getattr(control, f"{verb}_trial")(f"{comparison_id}-t{what}", actor=PERSON)
        case "extend":
            control.extend(comparison_id, Extension.model_validate({verb: what}), actor=PERSON)
        case "tick":
            plane.tick()
        case "kill":
            for job in plane.cluster.jobs:
                plane.cluster.kill(job)
        case "drive" | "finish":
            for driver in drivers(plane):
                trial = driver.assignment.trials[0]
                driver.send(*driver.trial(trial.trial_id)[: 3 if kind == "drive" else None])


def drivers(plane: ControlPlane) -> list[FakeDriver]:
    """The drivers that the service still listens to and that have something to do."""
    found: list[FakeDriver] = []
    for request in plane.cluster.requests:
        with suppress(Conflict):
            driver = plane.driver(request.submission_id)
            found += [driver] if driver.assignment.trials else []
    return found


def check(plane: ControlPlane, comparison_id: str) -> None:
    view = plane.service.comparisons.get(comparison_id)
    studies = plane.service.comparisons.studies(comparison_id)
    trials = plane.service.trials.of(comparison_id)
    for study in studies:
        left = [t.state for t in trials if t.study_id == study.id and t.state not in ENDED_TRIALS]
        match study.state:
            case StudyState.QUEUED:
                assert set(left) - {TrialState.PAUSED}, "something waits"
            case StudyState.PAUSED:
                assert set(left) == {TrialState.PAUSED}
            case state if state in ENDED_STUDIES:
                assert not left
    states = {study.state for study in studies}
    if view.state is ComparisonState.PAUSED:
        assert not states & {StudyState.QUEUED, StudyState.SUBMITTED, StudyState.RUNNING}
    if view.state in ENDED_COMPARISONS:
        assert states <= ENDED_STUDIES


def come_to_an_end(plane: ControlPlane, comparison_id: str) -> None:
    """With what people paused resumed, it ends; jobs that were killed are noticed meanwhile."""
    for _ in range(60):
        if held_by_a_person(plane, comparison_id):
            plane.service.control.resume(comparison_id, actor=PERSON)
        plane.tick(1)
        check(plane, comparison_id)
        if plane.service.comparisons.get(comparison_id).state in ENDED_COMPARISONS:
            return
        for driver in drivers(plane):
            driver.run()
    raise AssertionError(f"still {plane.states(comparison_id)}")


def held_by_a_person(plane: ControlPlane, comparison_id: str) -> bool:
    """Whether somebody paused it, or a trial that is still held."""
    view = plane.service.comparisons.get(comparison_id)
    if view.state in {*ENDED_COMPARISONS, ComparisonState.CANCELLING}:
        return False
    held = [t for t in plane.service.trials.of(comparison_id) if t.state is TrialState.PAUSED]
    return bool(held) or view.reason == f"paused by {PERSON.name}"
