"""Performance profiles over the problems of one comparison."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks.profile_intervals import Suite, coverage
from service.contracts.catalogue import built_in
from service.contracts.profiles import Profile, Profiles
from service.contracts.report import Report
from service.contracts.states import StudyKind, TrialState
from service.domain.results import ComparisonResults
from service.domain.scoring import score
from service.domain.scoring.profiles import ratios, scores
from tests.support.comparisons import NOW, a_spec, a_trial, results
from tests.support.suites import BY_HAND, MISS, SUITE, suite


def profiles_of(outcome: ComparisonResults) -> Profiles:
    found = score(outcome, built_in(), now=NOW).profiles
    assert found is not None
    return found


def of(found: Profiles, name: str) -> Profile:
    return next(one for one in found.contenders if one.name == name)


def test_three_problems_by_hand() -> None:
    found = profiles_of(BY_HAND)
    kbfgs, adam = of(found, "kbfgs"), of(found, "adam")
    assert kbfgs.ratios == dict(zip(SUITE, (1, 2, 1), strict=True))
    assert adam.ratios == dict(zip(SUITE, (2, 1, None), strict=True))
    # (4 - r) / 3 is 1, 2/3 and 1 for the one, 2/3, 1 and 0 for the other
    assert kbfgs.score == pytest.approx(8 / 9)
    assert adam.score == pytest.approx(5 / 9)
    assert kbfgs.steps == ((1, pytest.approx(2 / 3)), (2, 1), (4, 1))
    assert adam.steps == ((1, pytest.approx(1 / 3)), (2, pytest.approx(2 / 3)), (4, adam.share(9)))
    assert (kbfgs.solved, adam.solved) == (3, 2)


positive = st.floats(1e-3, 1e3) | st.just(math.inf)
tables = arrays(np.float64, st.tuples(st.integers(2, 6), st.integers(2, 4)), elements=positive)


@given(tables)
def test_the_score_is_the_mean_height_of_the_profile(medians: np.ndarray) -> None:
    found = ratios(medians)
    taus = np.linspace(1, 4, 3001)
    for own, value in zip(found.T, scores(found), strict=True):
        heights = (own[:, np.newaxis] <= taus).mean(axis=0)
        assert value == pytest.approx(heights[:-1].mean(), abs=1e-3)


@given(tables, st.floats(1e-2, 1e2))
def test_units_of_a_problem_do_not_matter_and_the_best_has_a_ratio_of_one(
    medians: np.ndarray, unit: float
) -> None:
    found = ratios(medians)
    scaled = medians.copy()
    scaled[0] *= unit
    np.testing.assert_allclose(ratios(scaled), found, rtol=1e-12)
    assert np.all(found >= 1)
    solved = np.isfinite(medians).any(axis=1)
    assert np.all(found.min(axis=1)[solved] == 1)
    assert np.all(np.isinf(found[~solved]))


def test_one_problem_has_no_profile() -> None:
    assert score(suite({"kbfgs": [1.0], "adam": [2.0]}), built_in(), now=NOW).profiles is None


def test_a_problem_that_nobody_solved_is_missed_by_all() -> None:
    found = profiles_of(suite({"kbfgs": [1.0], "adam": [2.0]}, {"kbfgs": [MISS], "adam": [MISS]}))
    assert of(found, "kbfgs").ratios == {SUITE[0]: 1, SUITE[1]: None}
    assert of(found, "kbfgs").score == 0.5
    assert "on fashion-mnist-mlp nobody has an outcome: it counts as missed by all" in found.notes


def test_a_problem_without_ratios_is_left_out_with_the_reason() -> None:
    decided = {
        "verdict": {"outcome": "final_loss"},
        "tuning": {"trials": 2, "metric": "train_loss"},
    }
    spec = a_spec("kbfgs", "adam", problems=SUITE, **decided)
    finals = [
        a_trial(name, [9.0, loss], problem=problem)
        for problem, losses in zip(SUITE, ((1, 2), (-1, 2), (2, 3)), strict=True)
        for name, loss in zip(("kbfgs", "adam"), losses, strict=True)
    ]
    found = profiles_of(results(spec, finals))
    assert found.problems == (SUITE[0], SUITE[2])
    assert of(found, "adam").ratios == {SUITE[0]: 2, SUITE[2]: 1.5}
    left_out = "fashion-mnist-mlp is left out: losses of zero or below have no ratios"
    assert left_out in found.notes


def test_a_contender_that_has_not_run_keeps_the_problem_out_until_it_has() -> None:
    runs = ({"kbfgs": [1.0], "adam": [2.0]}, {"kbfgs": [1.0], "adam": [2.0]}, {"kbfgs": [1.0]})
    for complete, words in ((False, "no run yet"), (True, "no run that counts")):
        found = profiles_of(suite(*runs, complete=complete))
        assert found.problems == SUITE[:2]
        assert f"char-transformer is left out: {words} of Adam" in found.notes


def test_a_contender_that_is_out_on_a_problem_missed_it() -> None:
    whole = suite({"kbfgs": [1.0, 1.0], "adam": [2.0, 2.0]}, {"kbfgs": [1.0, 1.0], "adam": []})
    failed = [
        a_trial(
            one.contender, [1.0, None], kind=one.kind, problem=one.problem,
            state=TrialState.DIVERGED,
        )
        if (one.contender, one.problem, one.kind) == ("adam", SUITE[1], StudyKind.TUNING)
        else one
        for one in whole.trials
    ]  # fmt: skip
    found = profiles_of(results(whole.spec, failed))
    assert of(found, "adam").ratios == {SUITE[0]: 2, SUITE[1]: None}


def test_a_cancelled_contender_has_no_profile_and_sets_no_mark() -> None:
    runs = {"kbfgs": [4.0], "adam": [6.0], "sgd": [1.0]}
    found = profiles_of(suite(runs, runs, cancelled=("sgd",)))
    assert [one.name for one in found.contenders] == ["kbfgs", "adam"]
    assert of(found, "kbfgs").score == 1
    assert "SGD with momentum was cancelled and has no profile" in found.notes


def test_with_too_little_left_there_is_no_profile_but_the_reason() -> None:
    for outcome in (
        suite({"kbfgs": [4.0]}, {"kbfgs": [4.0]}),
        suite({"kbfgs": [4.0], "adam": [1.0]}, {"kbfgs": [4.0], "adam": []}),
        suite(
            {"kbfgs": [4.0], "adam": [1.0]}, {"kbfgs": [4.0], "adam": [1.0]}, cancelled=("adam",)
        ),
        suite({"kbfgs": [], "adam": []}, {"kbfgs": [], "adam": []}, complete=False),
    ):
        found = profiles_of(outcome)
        assert found.contenders == ()
        needed = "a profile needs two contenders and two problems that count, at least"
        assert needed in found.notes


NOISE = [0.9, 0.95, 1.0, 1.05, 1.1, 1.15]


def noisy(factor: float, order: int) -> list[float]:
    return [factor * value for value in NOISE[::order]]


def test_an_interval_takes_six_runs_of_everybody_and_is_the_same_each_time() -> None:
    close = {"kbfgs": noisy(1.0, 1), "adam": noisy(1.3, -1)}
    found = profiles_of(suite(close, close))
    adam = of(found, "adam")
    assert adam.low is not None
    assert adam.high is not None
    assert adam.low < adam.score < adam.high < 1
    assert profiles_of(suite(close, close)) == found
    fewer = profiles_of(suite(close, {**close, "adam": noisy(1.3, 1)[:5]}))
    assert of(fewer, "adam").low is None
    assert any("6 runs of each contender" in note and "one has 5" in note for note in fewer.notes)


def test_seeds_that_do_not_vary_give_the_score_as_interval() -> None:
    runs = {"kbfgs": [1.0] * 6, "adam": [2.0] * 6}
    for profile in profiles_of(suite(runs, runs)).contenders:
        assert profile.low == profile.score == profile.high


def test_close_contenders_have_a_note_that_intervals_cover_less() -> None:
    equal = {"kbfgs": noisy(1.0, 1), "adam": noisy(1.0, -1)}
    apart = {"kbfgs": noisy(1.0, 1), "adam": noisy(2.0, -1)}
    close = "contenders are close, for a pair is told apart on 1 of 3 problems"
    found = profiles_of(suite(equal, apart, equal)).notes
    assert [note.split(":")[0] for note in found] == [close]
    assert profiles_of(suite(equal, apart, apart)).notes == ()


@pytest.mark.parametrize("differences", [0.1, 0.5])
def test_the_interval_covers_where_contenders_differ(differences: float) -> None:
    found = coverage(Suite(differences=differences), simulations=40, resamples=200)
    assert found.both_sides >= 0.92
    assert found.both_sides >= found.percentiles


def test_a_report_from_before_there_were_profiles_still_loads() -> None:
    stored = score(BY_HAND, built_in(), now=NOW).model_dump(mode="json")
    del stored["profiles"]
    for entry in stored["problems"][0]["contenders"]:
        del entry["sensitivity"]
    report = Report.model_validate(stored)
    assert report.profiles is None
    assert report.problems[0].contenders[0].sensitivity is None
