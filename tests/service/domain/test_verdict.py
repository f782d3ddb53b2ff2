"""Who wins, and how sure that is."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contracts.report import PairReport, ProblemReport
from service.contracts.spec import Outcome
from service.contracts.states import FailureKind, StudyKind, TrialState
from service.domain.scoring.pairs import Pair, compare, log_ratio
from tests.support.comparisons import (
    a_spec,
    a_trial,
    judged,
    reaching,
    results,
    searched,
)

SPREAD = [0.97, 0.98, 0.99, 1.0, 1.01, 1.02, 1.03, 1.04]
FOUR = ("kbfgs", "adam", "rmsprop", "sgd")


def times(factor: float, order: int = 1) -> list[float]:
    return [factor * value for value in SPREAD[::order]]


def pair(report: ProblemReport, first: str, second: str) -> PairReport:
    return next(p for p in report.pairs if (p.first, p.second) == (first, second))


def test_a_clear_difference_names_a_winner() -> None:
    report = judged(reaching(a_spec(), {"kbfgs": times(4), "adam": times(10, -1)}))
    found = pair(report, "kbfgs", "adam")
    # 0.4 x 0.97/1.04, 0.98/1.03 ... 1.04/0.97: the middle two are 0.4 x 1/1.01 and 0.4 x 1.01
    assert found.ratio.median == pytest.approx(0.4)
    assert found.p_value == found.corrected_p == 2 / 256
    assert report.winner == found.better == "kbfgs"
    assert report.more_seeds is None
    assert report.target.winner_changes is False


def test_the_winner_does_not_depend_on_the_order_of_contenders() -> None:
    seconds = {"kbfgs": times(4), "adam": times(10, -1), "sgd": times(7, -1)}
    for order in (("kbfgs", "adam", "sgd"), ("sgd", "adam", "kbfgs")):
        report = judged(reaching(a_spec(*order), {name: seconds[name] for name in order}))
        assert report.winner == "kbfgs"


def test_four_contenders_need_eight_seeds_and_have_a_winner_there() -> None:
    factors = dict(zip(FOUR, (4, 10, 6, 20), strict=True))
    for seeds, winner in ((8, "kbfgs"), (7, None)):
        seconds = {
            name: times(factor, 1 if name == "kbfgs" else -1)[:seeds]
            for name, factor in factors.items()
        }
        report = judged(reaching(a_spec(*FOUR, seeds=seeds), seconds))
        assert report.winner == winner
        assert pair(report, "kbfgs", "adam").corrected_p == pytest.approx(6 * 2 ** (1 - seeds))


def test_a_difference_within_two_percent_is_none() -> None:
    base = [1.0, 2, 3, 4, 5, 6, 7, 8]
    close = [value * (0.99 + 0.0001 * n) for n, value in enumerate(base)]
    report = judged(reaching(a_spec(), {"kbfgs": close, "adam": base}))
    assert pair(report, "kbfgs", "adam").corrected_p < 0.05
    assert report.winner is None
    assert report.more_seeds is None


def test_beating_the_baseline_is_corrected_over_its_own_pairs() -> None:
    nearly = [value * (1.01 + n / 10_000) for n, value in enumerate(times(4))]
    seconds = {"adam": times(10, -1), "kbfgs": times(4), "sgd": nearly}
    report = judged(reaching(a_spec("adam", "kbfgs", "sgd", baseline="adam"), seconds))
    assert report.winner is None
    assert report.beats_baseline == ("kbfgs", "sgd")
    assert pair(report, "adam", "kbfgs").baseline_corrected_p == pytest.approx(2 * 2 / 256)
    assert pair(report, "adam", "kbfgs").corrected_p == pytest.approx(3 * 2 / 256)
    assert pair(report, "kbfgs", "sgd").baseline_corrected_p is None


def test_identical_contenders_have_no_winner() -> None:
    report = judged(reaching(a_spec(), {"kbfgs": times(4), "adam": times(4)}))
    found = pair(report, "kbfgs", "adam")
    assert (found.p_value, found.better, report.winner) == (1.0, None, None)
    assert (found.ratio.low, found.ratio.median, found.ratio.high) == (1, 1, 1)


def test_runs_that_never_vary_prove_nothing() -> None:
    report = judged(reaching(a_spec(), {"kbfgs": [2.0] * 8, "adam": [4.0] * 8}))
    found = pair(report, "kbfgs", "adam")
    assert (found.ratio.low, found.ratio.high, found.p_value) == (0.5, 0.5, 1.0)
    assert report.winner is None
    assert any("the same ratio in every seed" in warning for warning in report.warnings)


def test_one_run_that_misses_the_target_counts_against_its_contender() -> None:
    spec = a_spec()
    finals = [a_trial("kbfgs", [100, 20], seed=s, seconds_an_epoch=1 + s / 100) for s in range(8)]
    finals += [a_trial("adam", [100, 90 if s == 3 else 20], seed=s) for s in range(8)]
    report = judged(results(spec, [*searched(spec), *finals]))
    adam = report.contenders[1].training_seconds
    assert (adam.reached, adam.runs, adam.high) == (7, 8, None)
    assert pair(report, "kbfgs", "adam").censored == 1


def test_a_diverged_run_misses_even_a_target_that_it_passed() -> None:
    spec = a_spec()
    finals = [a_trial("kbfgs", [100, 20, 10], seed=s) for s in range(8)]
    finals += [
        a_trial("adam", [100, 20, 20_000], seed=s, state=TrialState.DIVERGED) for s in range(8)
    ]
    report = judged(results(spec, [*searched(spec), *finals]))
    assert report.contenders[1].training_seconds.reached == 0
    assert report.contenders[1].diverged == report.contenders[1].runs == 8
    assert report.contenders[1].final_loss.median is None
    assert report.winner == "kbfgs"


@pytest.mark.parametrize(
    ("failure", "seeds", "censored"),
    [(FailureKind.OUT_OF_MEMORY, 8, 1), (FailureKind.LOST_WORKER, 7, 0), (FailureKind.BUG, 7, 0)],
)
def test_a_contenders_own_failure_is_a_miss_and_any_other_leaves_the_seed_out(
    failure: FailureKind, seeds: int, censored: int
) -> None:
    spec = a_spec()
    finals = [a_trial("kbfgs", [100, 20], seed=s) for s in range(8)]
    finals += [a_trial("adam", [100, 30], seed=s) for s in range(7)]
    finals.append(a_trial("adam", [100], seed=7, state=TrialState.FAILED, failure=failure))
    report = judged(results(spec, [*searched(spec), *finals]))
    found = pair(report, "kbfgs", "adam")
    assert (found.seeds, found.censored, report.contenders[1].failed) == (seeds, censored, 1)


def test_nobody_wins_over_a_contender_that_did_not_run() -> None:
    report = judged(reaching(a_spec("kbfgs", "adam", "sgd"), {"kbfgs": times(4), "adam": times(9)}))
    assert pair(report, "kbfgs", "sgd").p_value == 1
    assert report.winner is None


def test_a_contender_whose_whole_search_diverged_is_out() -> None:
    spec = a_spec("kbfgs", "adam", "sgd")
    diverged = [
        a_trial("sgd", [100, None], number=n, kind=StudyKind.TUNING, state=TrialState.DIVERGED)
        for n in range(2)
    ]
    ran = reaching(a_spec(), {"kbfgs": times(4), "adam": times(10, -1)})
    report = judged(results(spec, [*diverged, *ran.trials]))
    assert report.winner == "kbfgs"
    assert len(report.pairs) == 1
    assert report.contenders[2].settings is None
    assert any("SGD with momentum is out" in warning for warning in report.warnings)


def test_the_relative_target_follows_from_the_runs() -> None:
    spec = a_spec(verdict={"target": "relative"})
    finals = [a_trial("kbfgs", [100, 40 + s], seed=s) for s in range(8)]
    finals += [a_trial("adam", [100, 60 + s], seed=s) for s in range(8)]
    report = judged(results(spec, [*searched(spec), *finals]))
    assert report.target.value == pytest.approx(63.5 * 1.05)
    assert report.target.rule == "relative"


def test_a_verdict_that_hangs_on_the_target_says_so() -> None:
    # Adam ends just below 50 and never reaches 47.5, so it only wins above that.
    spec = a_spec()
    finals = [
        a_trial("kbfgs", [100, 80, 10], seed=s, seconds_an_epoch=1 + s / 100) for s in range(8)
    ]
    finals += [a_trial("adam", [100, 49, 49], seed=s) for s in range(8)]
    report = judged(results(spec, [*searched(spec), *finals]))
    assert report.winner == "adam"
    assert report.target.winner_changes is True
    assert any("hangs on the target" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    ("target", "lowest", "said"), [("relative", 30, True), ("relative", 57, False), (63, 30, False)]
)
def test_who_is_ahead_to_a_target_of_its_own_though_others_end_lower_is_told(
    target: float | str, lowest: float, said: bool
) -> None:
    spec = a_spec(verdict={"target": target})
    finals = [
        a_trial("kbfgs", [100, lowest + s], seed=s, seconds_an_epoch=9 + s / 10) for s in range(8)
    ]
    finals += [a_trial("adam", [100, 60 - s / 10], seed=s) for s in range(8)]
    report = judged(results(spec, [*searched(spec), *finals]))
    told = (
        "the target is what Adam itself reaches at best, plus 5 %: K-BFGS ends at 33.5 and Adam "
        "ends at 59.65; a lower target would ask for more"
    )
    assert report.winner == "adam"
    assert (told in report.warnings) is said


@pytest.mark.parametrize(("complete", "shares"), [(True, [0, -0.05, 0.05]), (False, [0])])
def test_pairs_are_made_once_a_target_and_moved_targets_wait_for_the_end(
    monkeypatch: pytest.MonkeyPatch, complete: bool, shares: list[float]
) -> None:
    asked = []

    def counted(runs: Any, outcome: Outcome, **given: Any) -> tuple[Pair, ...]:
        asked.append(given["target"])
        return compare(runs, outcome, **given)

    monkeypatch.setattr("service.domain.scoring.report.compare", counted)
    seconds = {"kbfgs": times(4), "adam": times(10, -1)}
    report = judged(reaching(a_spec(), seconds, complete=complete))
    assert asked == pytest.approx([50 * (1 + share) for share in shares])
    assert report.target.winner_changes is (False if complete else None)


def test_a_final_loss_decides_where_the_spec_says_so() -> None:
    spec = a_spec(verdict={"outcome": "final_loss"})
    finals = [a_trial("kbfgs", [100, 50 + s / 10], seed=s, seconds_an_epoch=9) for s in range(8)]
    finals += [a_trial("adam", [100, 60 - s / 10], seed=s) for s in range(8)]
    report = judged(results(spec, [*searched(spec), *finals]))
    assert report.winner == "kbfgs"
    assert pair(report, "kbfgs", "adam").ratio.median == pytest.approx(50.35 / 59.65, rel=1e-3)


def test_the_report_counts_what_tuning_took() -> None:
    spec = a_spec()
    kinds = [(TrialState.FINISHED, None), (TrialState.DIVERGED, None)]
    kinds += [(TrialState.FAILED, FailureKind.BUG), (TrialState.QUEUED, None)]
    search = [
        a_trial("adam", [9, 8], kind=StudyKind.TUNING, state=s, failure=f, worker_seconds=5)
        for s, f in kinds
    ]
    cost = judged(results(spec, search)).contenders[1].tuning
    assert (cost.trials, cost.diverged, cost.failed, cost.worker_seconds) == (3, 1, 1, 20)


@pytest.mark.parametrize(
    ("state", "failure", "warned"),
    [
        (TrialState.FINISHED, None, False),
        (TrialState.DIVERGED, None, False),
        (TrialState.FAILED, FailureKind.OUT_OF_MEMORY, False),
        (TrialState.FAILED, FailureKind.BAD_SETTING, False),
        (TrialState.FAILED, FailureKind.LOST_WORKER, True),
        (TrialState.FAILED, FailureKind.BUG, True),
        (TrialState.CANCELLED, None, True),
        (TrialState.RUNNING, None, False),  # it may still complete
    ],
)
def test_a_search_that_completed_fewer_trials_is_told_with_the_numbers(
    state: TrialState, failure: FailureKind | None, warned: bool
) -> None:
    spec = a_spec()
    search = searched(spec)
    search[3] = a_trial(
        "adam", [100.0], number=3, kind=StudyKind.TUNING, state=state, failure=failure
    )
    unequal = [text for text in judged(results(spec, search)).warnings if "not equal" in text]
    expected = "the searches were not equal: tuning trials completed are K-BFGS 2 and Adam 1"
    assert unequal == ([expected] if warned else [])


def test_a_chosen_value_near_a_bound_is_reported() -> None:
    space = {"lr": {"log": [1e-4, 1.0]}, "momentum": {"linear": [0.0, 0.9]}}
    spec = a_spec(contenders=[{"optimizer": "sgd", "space": space}])
    for point, expected in (
        ({"lr": 1.5e-4, "momentum": 0.5}, ("lr",)),
        ({"lr": 1.7e-4, "momentum": 0.87}, ("momentum",)),
        ({"lr": 0.01, "momentum": 0.5}, ()),
    ):
        trial = a_trial("sgd", [9, 8], kind=StudyKind.TUNING, point=point)
        assert judged(results(spec, [trial])).contenders[0].at_bounds == expected


def test_the_end_of_a_list_of_numbers_is_a_bound_and_a_word_is_none() -> None:
    space = {
        "lr": {"values": [0.3, 0.1, 1]},
        "damping": {"values": [0.1]},
        "safeguard": {"values": [True, False]},
    }
    spec = a_spec(contenders=[{"optimizer": "kbfgs", "space": space}], tuning={"search": "grid"})
    for lr, expected in ((0.1, ("lr",)), (1, ("lr",)), (0.3, ())):
        point = {"lr": lr, "damping": 0.1, "safeguard": True}
        report = judged(
            results(spec, [a_trial("kbfgs", [9, 8], kind=StudyKind.TUNING, point=point)])
        )
        assert report.contenders[0].at_bounds == expected
        told = [text for text in report.warnings if "edge of its space [0.1, 1]" in text]
        assert len(told) == len(expected)


def test_a_leader_that_is_not_sure_yet_is_told_how_many_seeds_more() -> None:
    noise = [0.7, 1.3, 0.8, 1.2, 0.6, 0.9, 1.0, 1.1]
    report = judged(reaching(a_spec(), {"kbfgs": [5 * n for n in noise], "adam": [6.0] * 8}))
    assert report.winner is None
    assert report.more_seeds is not None
    assert 1 <= report.more_seeds <= 1000


def test_too_few_seeds_need_at_least_the_minimum() -> None:
    report = judged(reaching(a_spec(seeds=3), {"kbfgs": [1.0, 1.1, 1.2], "adam": [5.0, 5.1, 5.3]}))
    assert report.more_seeds == 3


def test_seeds_that_were_not_run_are_among_those_that_are_needed() -> None:
    """Four of eight planned seeds ran, and two contenders need six: two more than there are."""
    seconds = {"kbfgs": [1.0, 1.1, 1.2, 1.3], "adam": [5.0, 5.1, 5.3, 5.2]}
    assert judged(reaching(a_spec(), seconds)).more_seeds == 2


def test_what_never_varies_is_not_decided_by_more_seeds() -> None:
    report = judged(reaching(a_spec(), {"kbfgs": [2.0] * 8, "adam": [4.0] * 8}))
    assert report.more_seeds is None


def test_the_leader_is_ahead_seed_by_seed() -> None:
    """Medians of 5.5 and 4.5 favour Adam; K-BFGS is faster by 10 % on six of eight seeds."""
    kbfgs = [1.8, 2.7, 3.6, 5.4, 5.6, 6.3, 7.2, 8.1]
    adam = [2.0, 3.0, 4.0, 4.4, 4.6, 7.0, 8.0, 9.0]
    report = judged(reaching(a_spec(), {"kbfgs": kbfgs, "adam": adam}))
    medians = [entry.training_seconds.median for entry in report.contenders]
    assert medians == pytest.approx([5.5, 4.5])
    assert report.sentence.startswith("No clear winner: K-BFGS reaches 50.0 in 0.90× Adam's time")


@given(st.floats(-1e3, 1e3) | st.just(math.inf), st.floats(-1e3, 1e3) | st.just(math.inf))
def test_log_ratios_are_antisymmetric_and_lower_is_better(first: float, second: float) -> None:
    assert log_ratio(first, second) == -log_ratio(second, first)
    assert np.sign(log_ratio(first, second)) == (first > second) - (first < second)


def test_near_one_the_stand_in_for_negative_losses_agrees_with_the_log_ratio() -> None:
    assert log_ratio(-98.0, -100.0) == pytest.approx(math.log(100 / 98), rel=1e-3)
