"""Selection: which point a search chose."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from service.contracts.catalogue import built_in
from service.contracts.metrics import Metric
from service.contracts.states import FailureKind, StudyKind, TrialState
from service.domain.results import TrialResult
from service.domain.selection import choose, deciding_metric, select
from tests.support.catalogues import with_classes
from tests.support.comparisons import PROBLEM, a_spec, a_trial, results

TRAIN = Metric.TRAIN_LOSS


def tried(*losses: float | None, number: int, **fields: object) -> TrialResult:
    point = {"lr": float(number)}
    return a_trial("adam", losses, number=number, kind=StudyKind.TUNING, point=point, **fields)


def test_the_lowest_loss_at_the_end_is_chosen_not_the_lowest_on_the_way() -> None:
    assert choose([tried(100, 10, 60, number=0), tried(100, 70, 50, number=1)], TRAIN) == {
        "lr": 1.0
    }


def test_equal_losses_go_to_the_lower_number() -> None:
    assert choose([tried(9, 5, number=3), tried(9, 5, number=1)], TRAIN) == {"lr": 1.0}


def test_a_trial_that_did_not_finish_is_never_chosen() -> None:
    bad = [
        tried(9, 1, number=number, state=state)
        for number, state in enumerate(TrialState)
        if state not in (TrialState.FINISHED, TrialState.STOPPED)
    ]
    assert choose(bad, TRAIN) is None
    assert choose([*bad, tried(9, 8, number=9)], TRAIN) == {"lr": 9.0}


def test_a_trial_that_its_search_stopped_is_chosen_only_where_no_longer_one_did_better() -> None:
    stopped = tried(9, 4, number=0, state=TrialState.STOPPED)
    never_begun = tried(number=1, state=TrialState.STOPPED)
    assert choose([stopped, never_begun, tried(9, 5, 3, number=2)], TRAIN) == {"lr": 2.0}
    assert choose([stopped, never_begun, tried(9, 7, 5, number=2)], TRAIN) == {"lr": 0.0}
    assert choose([never_begun], TRAIN) is None


def test_a_finished_trial_without_a_finite_loss_is_not_chosen() -> None:
    assert choose([tried(9, None, number=0), tried(number=1)], TRAIN) is None


def repeated(lr: float, *losses: float | None, first: int) -> list[TrialResult]:
    """A point on several seeds; None stands for a run that diverged."""
    return [
        replace(
            tried(9, loss, number=first + turn),
            point={"lr": lr},
            seed=turn,
            state=TrialState.DIVERGED if loss is None else TrialState.FINISHED,
        )
        for turn, loss in enumerate(losses)
    ]


def test_of_several_seeds_the_median_is_what_counts() -> None:
    lucky, steady = repeated(1.0, 1, 8, 9, first=0), repeated(2.0, 5, 6, 7, first=3)
    assert choose([*lucky, *steady], TRAIN) == {"lr": 2.0}


def test_a_diverged_repeat_counts_as_the_worst_and_half_of_them_rule_a_point_out() -> None:
    assert choose(repeated(1.0, 5, None, 6, first=0), TRAIN) == {"lr": 1.0}
    assert choose(repeated(1.0, 5, None, first=0), TRAIN) is None
    worse_for_it = [*repeated(1.0, 5, None, 6, first=0), *repeated(2.0, 5.5, 5.5, 5.5, first=3)]
    assert choose(worse_for_it, TRAIN) == {"lr": 2.0}


def test_a_repeat_whose_worker_was_lost_says_nothing_of_its_point() -> None:
    first, *others = repeated(1.0, 5, 5, 5, first=0)
    lost = replace(first, state=TrialState.FAILED, failure=FailureKind.LOST_WORKER)
    assert choose([lost, *others, *repeated(2.0, 6, 6, 6, first=3)], TRAIN) == {"lr": 1.0}


@given(st.permutations(range(5)))
def test_the_choice_does_not_depend_on_the_order_of_trials(order: list[int]) -> None:
    trials = [tried(9, loss, number=number) for number, loss in enumerate([4, 2, 3, 2, 5])]
    assert choose([trials[index] for index in order], TRAIN) == {"lr": 1.0}


def test_each_contender_gets_its_own_point_from_the_search_alone() -> None:
    spec = a_spec("kbfgs", "adam", "sgd")
    trials = [
        a_trial("adam", [9, 5], kind=StudyKind.TUNING, point={"lr": 1.0}),
        a_trial("adam", [9, 1], kind=StudyKind.FINALS, point={"lr": 2.0}),
        a_trial("sgd", [9, 7], kind=StudyKind.TUNING, point={"lr": 3.0}),
        a_trial("kbfgs", [9], kind=StudyKind.TUNING, state=TrialState.DIVERGED),
    ]
    chosen = select(results(spec, trials), PROBLEM, built_in())
    assert chosen == {"adam": {"lr": 1.0}, "sgd": {"lr": 3.0}}
    assert list(chosen) == ["adam", "sgd"]
    assert select(results(spec, trials), "another-problem", built_in()) == {}


def test_a_problem_is_decided_by_its_own_loss_unless_the_spec_names_another() -> None:
    catalogue, own = with_classes(), a_spec(problems=["tiny-classes", PROBLEM])
    named = a_spec(problems=["tiny-classes"], tuning={"metric": "train_loss"})
    assert deciding_metric(own, "tiny-classes", catalogue) is Metric.VALIDATION_LOSS
    assert deciding_metric(own, PROBLEM, catalogue) is Metric.TRAIN_LOSS
    assert deciding_metric(named, "tiny-classes", catalogue) is Metric.TRAIN_LOSS


def test_the_deciding_loss_alone_chooses() -> None:
    """The point with the lowest validation loss has the highest of the other losses."""
    losses = [(1.0, 3.0, 1.0), (2.0, 2.0, 2.0), (0.5, None, 0.5)]
    names = (Metric.TRAIN_LOSS, Metric.VALIDATION_LOSS, Metric.TEST_LOSS)
    trials = [tried(9, number=number, problem="tiny-classes") for number in range(len(losses))]
    trials = [
        replace(
            one, points=(one.points[0].model_copy(update=dict(zip(names, values, strict=True))),)
        )
        for one, values in zip(trials, losses, strict=True)
    ]
    spec = a_spec("adam", problems=["tiny-classes"])
    assert select(results(spec, trials), "tiny-classes", with_classes()) == {"adam": {"lr": 1.0}}
    by_training = a_spec("adam", problems=["tiny-classes"], tuning={"metric": "train_loss"})
    chosen = select(results(by_training, trials), "tiny-classes", with_classes())
    assert chosen == {"adam": {"lr": 2.0}}
