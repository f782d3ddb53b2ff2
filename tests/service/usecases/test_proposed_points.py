"""Searches that learn: the driver proposes a point when a trial begins, the service decides."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contracts.catalogue import built_in
from service.contracts.events import TrialProposed
from service.contracts.plan import PlannedStudy, Point
from service.contracts.proposals import Proposals
from service.contracts.spec import ComparisonSpec
from service.contracts.states import FailureKind, StudyKind, TrialState
from service.domain.errors import TransitionRefused
from service.domain.planning import plan, study_assignment
from service.domain.previews import preview
from service.domain.results import TrialResult
from service.domain.searching import informed
from tests.support.comparisons import a_spec, a_trial
from tests.support.control_plane import ControlPlane, FakeDriver

TPE = {"search": "tpe", "trials": 3}
SPACE = {"lr": {"log": [0.001, 0.1]}}
CONTENDERS = [{"optimizer": "adam", "space": SPACE}]
INSIDE: Point = {"lr": 0.01}


def a_driver(plane: ControlPlane) -> FakeDriver:
    plane.submit(contenders=CONTENDERS, tuning=TPE)
    plane.tick()
    return plane.driver()


def proposed(trial_id: str, point: Point) -> TrialProposed:
    return TrialProposed(trial_id=trial_id, at=datetime.now(UTC), point=point)


def test_a_proposed_point_is_stored_with_the_settings_that_follow(
    plane_on_both: ControlPlane,
) -> None:
    driver = a_driver(plane_on_both)
    trial_id = driver.assignment.trials[0].trial_id
    for _ in range(2):  # what was told before changes nothing
        driver.send(proposed(trial_id, INSIDE))
    driver.send(*driver.trial(trial_id))
    view = plane_on_both.service.trials.of(trial_id.split("-")[0])[0]
    assert (view.point, view.settings["lr"]) == (INSIDE, 0.01)
    assert view.state is TrialState.FINISHED


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        ({"lr": 0.2}, "lr = 0.2 lies outside"),
        ({"lr": "fast"}, "lies outside"),
        ({"lr": 0.01, "eps": 1e-8}, "eps is not searched there"),
    ],
)
def test_a_point_outside_of_the_space_is_refused(
    plane: ControlPlane, point: Point, reason: str
) -> None:
    driver = a_driver(plane)
    trial_id = driver.assignment.trials[0].trial_id
    with pytest.raises(TransitionRefused, match=reason):
        driver.send(proposed(trial_id, point))
    assert plane.service.trials.of(trial_id.split("-")[0])[0].point == {}


def test_a_trial_keeps_the_point_that_it_has(plane: ControlPlane) -> None:
    driver = a_driver(plane)
    trial_id = driver.assignment.trials[0].trial_id
    driver.send(proposed(trial_id, INSIDE))
    with pytest.raises(TransitionRefused, match="has its point already"):
        driver.send(proposed(trial_id, {"lr": 0.02}))


def test_points_that_were_drawn_beforehand_are_not_proposed(plane: ControlPlane) -> None:
    plane.submit(contenders=CONTENDERS, tuning={"trials": 2})
    plane.tick()
    driver = plane.driver()
    assert driver.assignment.proposals is None
    with pytest.raises(TransitionRefused, match="has its point already"):
        driver.send(proposed(driver.assignment.trials[0].trial_id, INSIDE))


def test_the_next_attempt_is_told_what_was_tried(plane: ControlPlane) -> None:
    first = a_driver(plane)
    done, begun, waiting = (trial.trial_id for trial in first.assignment.trials)
    assert first.assignment.proposals is not None
    seeds = first.assignment.proposals.open
    assert list(seeds) == [done, begun, waiting]
    first.send(proposed(done, INSIDE), *first.trial(done))
    first.send(proposed(begun, {"lr": 0.02}), *first.trial(begun)[:2])
    plane.cluster.kill(plane.cluster.requests[0].submission_id)
    plane.wait(60)
    (request,) = (r for r in plane.cluster.requests if r.submission_id.endswith("-2"))
    second = plane.driver(request.submission_id).assignment
    assert second.proposals is not None
    assert second.proposals.open == {waiting: seeds[waiting]}
    finished, running = second.proposals.tried
    assert (finished.trial_id, finished.state, finished.point) == (done, "ended", INSIDE)
    assert finished.loss == plane.service.trials.of(done.split("-")[0])[0].final_loss
    assert (running.trial_id, running.state, running.loss) == (begun, "running", None)
    assert next(one.settings["lr"] for one in second.trials if one.trial_id == begun) == 0.02


def proposals(spec: ComparisonSpec, study: PlannedStudy, *tried: TrialResult) -> Proposals:
    assigned = study_assignment(spec, built_in(), study, comparison_id="c", attempt=1)
    found = informed(assigned, study, spec=spec, catalogue=built_in(), tried=tried).proposals
    assert found is not None
    return found


@given(seed=st.integers(0, 2**31 - 1))
def test_proposals_follow_from_the_comparisons_seed_and_the_space_alone(seed: int) -> None:
    def seeds(name: str, search_seed: int) -> list[int]:
        spec = a_spec(
            contenders=[{"optimizer": "adam", "name": name, "space": SPACE}],
            tuning=TPE, seed=search_seed,
        )  # fmt: skip
        study = plan(spec, built_in()).studies[0]
        return list(proposals(spec, study).open.values())

    assert seeds("one", seed) == seeds("two", seed)
    assert len(set(seeds("one", seed))) == 3
    assert seeds("one", seed) != seeds("one", (seed + 1) % 2**31)


def test_what_says_nothing_of_a_point_is_not_learnt_from() -> None:
    spec = a_spec(contenders=CONTENDERS, tuning={**TPE, "trials": 5})
    study = plan(spec, built_in()).studies[0]
    states = {
        TrialState.FINISHED: None,
        TrialState.STOPPED: None,
        TrialState.DIVERGED: None,
        TrialState.FAILED: FailureKind.LOST_WORKER,
        TrialState.CANCELLED: None,
    }
    tried = [
        a_trial(
            "adam", [9.0, 5.0], number=number, kind=StudyKind.TUNING, state=state, failure=failure
        )
        for number, (state, failure) in enumerate(states.items())
    ]
    told = [(one.trial_id, one.state, one.loss) for one in proposals(spec, study, *tried).tried]
    assert told == [("c-t0", "ended", 5), ("c-t1", "stopped", 5), ("c-t2", "ended", None)]


def test_a_preview_counts_the_trials_and_says_that_points_follow() -> None:
    shown = preview(a_spec(contenders=CONTENDERS, tuning=TPE), built_in())
    assert (shown.studies[0].trials, shown.studies[0].points) == (3, ())
    assert shown.search == "3 TPE points a contender"
    assert "the points of a search by TPE follow while it runs, each when its trial begins" in (
        shown.warnings
    )
