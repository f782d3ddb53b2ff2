"""Events put together to results."""

from service.contracts.catalogue import built_in
from service.contracts.events import (
    Environment,
    Event,
    StudyEnded,
    TrialEnded,
    TrialPoint,
    TrialStarted,
)
from service.contracts.plan import Plan
from service.contracts.states import FailureKind, StudyKind, TrialState
from service.contracts.usage import Phase, Usage
from service.domain.planning import plan, plan_finals
from service.domain.replay import replay
from service.domain.results import ComparisonResults
from tests.support.comparisons import NOW, PROBLEM, a_spec, curve

HERE = Environment(hostname="here", device="cpu", python="3.11", torch="2.13", threads=1)


USAGE = Usage(phases={Phase.FIRST_PASS: 1.5})


def started(number: int, *, resumed: int = 0) -> Event:
    return TrialStarted(
        trial_id=f"local-t{number}", number=0, at=NOW, resumed_from_epoch=resumed, environment=HERE
    )


def points(number: int, *losses: float, first: int = 0) -> list[Event]:
    padded = curve([0.0] * first + list(losses))
    return [TrialPoint(trial_id=f"local-t{number}", point=point) for point in padded[first:]]


def ended(number: int, outcome: str = "finished", failure: FailureKind | None = None) -> Event:
    return TrialEnded(
        trial_id=f"local-t{number}",
        number=1,
        at=NOW,
        outcome=outcome,
        failure=failure,
        worker_seconds=7,
        usage=USAGE,
    )


def replayed(planned: Plan, events: list[Event]) -> ComparisonResults:
    return replay(planned, events, built_in(), comparison_id="local")


def a_plan(*, finals: bool = False) -> Plan:
    planned = plan(a_spec("sgd", seeds=1, tuning={"trials": 1}), built_in())
    if not finals:
        return planned
    study = plan_finals(
        planned.spec,
        PROBLEM,
        {"sgd": {"lr": 0.1}},
        planned.seeds,
        study_number=1,
        first_trial_number=1,
    )
    return planned.model_copy(update={"studies": (*planned.studies, study)})


def test_a_trial_has_its_curve_its_end_and_its_place() -> None:
    events = [started(0), *points(0, 9, 8), ended(0), StudyEnded(at=NOW, outcome="finished")]
    (trial,) = replayed(a_plan(), events).trials
    assert trial.state is TrialState.FINISHED
    assert [point.train_loss for point in trial.points] == [9, 8]
    assert (trial.worker_seconds, trial.environment, trial.kind) == (7, HERE, StudyKind.TUNING)
    assert trial.usage == USAGE


def test_what_was_not_told_is_queued_and_what_did_not_end_is_running() -> None:
    assert replayed(a_plan(), []).trials[0].state is TrialState.QUEUED
    (trial,) = replayed(a_plan(), [started(0)]).trials
    assert trial.state is TrialState.RUNNING


def test_an_epoch_that_was_told_again_counts_once_and_the_later_word_holds() -> None:
    events = [started(0), *points(0, 9, 8), *points(0, 7, first=1)]
    (trial,) = replayed(a_plan(), events).trials
    assert [(point.epoch, point.train_loss) for point in trial.points] == [(0, 9), (1, 7)]


def test_a_resumed_trial_forgets_what_came_after_its_checkpoint() -> None:
    events = [started(0), *points(0, 9, 8, 7), started(0, resumed=1)]
    (trial,) = replayed(a_plan(), events).trials
    assert [point.epoch for point in trial.points] == [0, 1]


def test_a_failure_keeps_its_kind() -> None:
    events = [started(0), ended(0, "failed", FailureKind.BUG)]
    (trial,) = replayed(a_plan(), events).trials
    assert (trial.state, trial.failure) == (TrialState.FAILED, FailureKind.BUG)


def test_it_is_complete_once_the_finals_have_ended() -> None:
    search = [started(0), *points(0, 9, 8), ended(0)]
    final = [started(1), *points(1, 9, 8), ended(1)]
    assert not replayed(a_plan(), search).complete
    assert not replayed(a_plan(finals=True), search).complete
    assert replayed(a_plan(finals=True), search + final).complete


def test_it_is_complete_where_no_point_could_be_chosen() -> None:
    events = [started(0), ended(0, "diverged")]
    assert replayed(a_plan(), events).complete
