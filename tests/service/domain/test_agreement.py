"""Two reports of one question: whether the earlier claims held, by a rule that is stated."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.agreement import simulated
from service.contracts.agreement import Agreement, PairAgreement, ProblemAgreement
from service.contracts.catalogue import built_in
from service.contracts.events import Environment
from service.contracts.report import Interval, PairReport, ProblemReport, Report
from service.contracts.spec import Outcome
from service.domain.capsules import spelled_out
from service.domain.scoring import score
from service.domain.scoring.agreement import agreement
from service.domain.scoring.work import work_of
from tests.support.comparisons import NOW, a_spec, reaching, results

SECONDS = {"kbfgs": [1.0, 1.1, 0.9, 1.0, 1.2, 0.8, 1.0, 1.1], "adam": [2.0] * 8}


@pytest.fixture(scope="module")
def report() -> Report:
    """K-BFGS takes half of Adam's time on eight seeds, and wins."""
    return score(reaching(a_spec("kbfgs", "adam", seeds=8), SECONDS), built_in(), now=NOW)


def saying(
    report: Report,
    ratio: tuple[float | None, float | None, float | None],
    *,
    better: str | None,
    **fields: object,
) -> Report:
    """The report with another median and interval of its pair, and with who is better by it."""
    (problem,) = report.problems
    median, low, high = ratio
    interval = Interval(median=median, low=low, high=high)
    pair = problem.pairs[0].model_copy(update={"ratio": interval, "better": better})
    found = problem.model_copy(update={"pairs": (pair,), "winner": better, **fields})
    return report.model_copy(update={"problems": (found,)})


def held_against(then: Report, now: Report) -> tuple[ProblemAgreement, PairAgreement]:
    (problem,) = agreement(then, now).problems
    return problem, problem.pairs[0]


def test_a_report_agrees_with_itself(report: Report) -> None:
    found = agreement(report, report)
    (problem,) = found.problems
    assert report.problems[0].winner == "kbfgs"
    assert found.agreement is problem.agreement is problem.pairs[0].agreement is Agreement.HELD
    assert problem.pairs[0].change.median == 1.0
    assert found.sentence.endswith("held: kbfgs wins, then and now")


FASTER = (0.5, 0.45, 0.55)
"""The first takes half of the second's time."""
INFINITE = (None, None, None)
"""One of the two missed the target on every seed."""
CASES: Mapping[str, tuple[object, ...]] = {
    "the same again": (FASTER, "kbfgs", (0.52, 0.47, 0.6), "kbfgs", Agreement.HELD),
    "open in both": ((0.9, 0.7, 1.2), None, (1.1, 0.8, 1.4), None, Agreement.HELD),
    "the other is better now": (FASTER, "kbfgs", (1.5, 1.3, 1.8), "adam", Agreement.CONTRADICTED),
    "no difference now": (FASTER, "kbfgs", (1.0, 0.985, 1.01), None, Agreement.CONTRADICTED),
    "gone, on few seeds": (FASTER, "kbfgs", (1.0, 0.8, 1.25), None, Agreement.CONTRADICTED),
    "open now": (FASTER, "kbfgs", (0.7, 0.49, 1.2), None, Agreement.NOT_CONTRADICTED),
    "open now, on few seeds": (FASTER, "kbfgs", (1.4, None, None), None,
                               Agreement.NOT_CONTRADICTED),
    "just moved": (FASTER, "kbfgs", (1.0, 0.51, 2.0), None, Agreement.CONTRADICTED),
    "just not moved": (FASTER, "kbfgs", (1.0, 0.5, 2.0), None, Agreement.NOT_CONTRADICTED),
    "decided now": ((0.9, 0.7, 1.2), None, FASTER, "kbfgs", Agreement.NOT_CONTRADICTED),
    "the second was better": ((2.0, 1.8, 2.2), "adam", (1.0, 0.9, 1.01), None,
                              Agreement.CONTRADICTED),
    "the other missed it both times": (INFINITE, "kbfgs", INFINITE, "kbfgs", Agreement.HELD),
    "the first misses it now": (INFINITE, "kbfgs", INFINITE, "adam", Agreement.CONTRADICTED),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_claim_is_contradicted_where_the_ratio_moved_away_from_it_beyond_chance(
    report: Report, case: tuple[object, ...]
) -> None:
    before, better_before, after, better_after, expected = case
    then = saying(report, before, better=better_before)  # type: ignore[arg-type]
    now = saying(report, after, better=better_after)  # type: ignore[arg-type]
    problem, pair = held_against(then, now)
    assert pair.agreement is expected
    assert problem.agreement is expected
    assert str(expected) in problem.sentence


def test_a_full_reversal_is_told_in_words_where_no_ratio_is_finite(report: Report) -> None:
    then, now = (saying(report, INFINITE, better=name) for name in ("kbfgs", "adam"))
    problem, pair = held_against(then, now)
    assert pair.sentence == "kbfgs/adam is infinite, and was 0"
    assert "kbfgs was better than adam then, adam is now" in problem.sentence


@pytest.mark.parametrize("winner_now", [None, "adam"])
def test_a_claim_that_is_contradicted_counts_where_nobody_won(
    report: Report, winner_now: str | None
) -> None:
    then = saying(report, FASTER, better="kbfgs", winner=None)
    now = saying(report, (2.5, 2.2, 2.8), better="adam", winner=winner_now)
    problem, pair = held_against(then, now)
    assert problem.agreement is pair.agreement is Agreement.CONTRADICTED
    assert problem.sentence.endswith(pair.sentence)


def test_who_beat_the_baseline_once_is_noted(report: Report) -> None:
    then = with_problem(report, baseline="adam", beats_baseline=("kbfgs",))
    now = with_problem(report, baseline="adam", beats_baseline=())
    for notes, when in ((held_against(then, now), "then"), (held_against(now, then), "now")):
        assert notes[0].notes == (f"kbfgs beat the baseline, adam, {when} alone",)


def test_how_far_a_ratio_moved_has_an_interval_made_of_both(report: Report) -> None:
    """Log-ratios -1 ± 0.3 and -0.5 ± 0.4: they moved by 0.5 ± 0.5, though the intervals overlap."""
    e = 2.718281828459045
    then = saying(report, (e**-1, e**-1.3, e**-0.7), better="kbfgs")
    now = saying(report, (e**-0.5, e**-0.9, e**-0.1), better="kbfgs")
    _, pair = held_against(then, now)
    found = (pair.change.median, pair.change.low, pair.change.high)
    assert found == pytest.approx((e**0.5, 1.0, e**1.0))
    closer = saying(report, (e**-0.5, e**-0.8, e**-0.2), better="kbfgs")
    _, pair = held_against(then, closer)
    assert "more than chance explains" in pair.sentence


def test_the_order_of_a_pair_does_not_matter(report: Report) -> None:
    (problem,) = report.problems
    pair = problem.pairs[0]
    turned = PairReport.model_validate(
        {
            **pair.model_dump(),
            "first": pair.second,
            "second": pair.first,
            "ratio": {
                "median": 1 / (pair.ratio.median or 1),
                "low": 1 / (pair.ratio.high or 1),
                "high": 1 / (pair.ratio.low or 1),
            },
        }
    )
    now = with_problem(report, pairs=(turned,))
    _, found = held_against(report, now)
    assert found.agreement is Agreement.HELD
    assert found.change.median == pytest.approx(1.0)
    assert (found.first, found.now.median) == (pair.first, pytest.approx(pair.ratio.median))


def with_problem(report: Report, **fields: object) -> Report:
    (problem,) = report.problems
    return report.model_copy(update={"problems": (problem.model_copy(update=fields),)})


def other_target(problem: ProblemReport, **fields: object) -> dict[str, object]:
    return {"target": problem.target.model_copy(update=fields)}


def test_what_answers_another_question_is_not_compared(report: Report) -> None:
    (problem,) = report.problems
    soap = problem.contenders[1].model_copy(update={"optimizer": "soap"})
    others = {
        "different budgets": report.model_copy(update={"epochs": 9}),
        "is interim": report.model_copy(update={"status": "interim"}),
        "does not have this problem": with_problem(report, problem="another"),
        "different outcomes": with_problem(report, outcome=Outcome.EPOCHS),
        "different targets": with_problem(report, **other_target(problem, value=51.0)),
        "another optimizer is called 'adam'": with_problem(
            report, contenders=(problem.contenders[0], soap)
        ),
        "is not in the later report": with_problem(
            report,
            contenders=(
                problem.contenders[1],
                soap.model_copy(update={"name": "soap"}),
            ),
        ),
    }
    for words, now in others.items():
        found = agreement(report, now)
        assert found.agreement is Agreement.INCOMPARABLE, words
        assert words in found.sentence or "fewer than two" in found.sentence


def made_with(*environments: Environment, **fields: object) -> Report:
    """The report as of runs that were given something else."""
    outcome = reaching(a_spec("kbfgs", "adam", seeds=8, **fields), SECONDS)
    places = (*environments, *[None] * len(outcome.trials))
    trials = [
        replace(trial, environment=place)
        for trial, place in zip(reversed(outcome.trials), places, strict=False)
    ]
    return score(replace(outcome, trials=tuple(trials)), built_in(), now=NOW)


def test_runs_that_were_given_other_work_answer_another_question(report: Report) -> None:
    others: Mapping[str, dict[str, object]] = {
        "different batch sizes, 200 then, 10 now": {"batch_size": 10},
        "different workers, 1 then, 4 now": {"workers": 4},
        "different workers, 1 then, 1–2 now": {"workers": {"min": 1, "max": 2}},
        "the learning rate of 'kbfgs' had another schedule then": {"schedule": "cosine"},
    }
    for words, fields in others.items():
        found = agreement(report, made_with(**fields))
        assert found.agreement is Agreement.INCOMPARABLE
        assert found.sentence.endswith(words)


def test_other_tuning_other_devices_and_an_older_report_are_noted(report: Report) -> None:
    device = Environment(hostname="a", device="H100", python="3.14", torch="2.13", threads=1)
    old = Report.model_validate(report.model_dump(mode="json", exclude={"work"}))
    others = {
        "the tuning was 2 Sobol points a contender then and is 4 Sobol points a contender now": (
            made_with(tuning={"trials": 4})
        ),
        "the finals ran on unknown devices then and on H100 now": made_with(device),
        "the later report does not say its batch size, workers, tuning and devices": old,
    }
    for words, now in others.items():
        problem, _ = held_against(report, now)
        assert problem.agreement is Agreement.HELD
        assert problem.notes == (words,)


def test_a_capsules_spec_is_the_same_work() -> None:
    spec = a_spec("kbfgs", "adam", schedule="cosine", batch_size=10)
    rerun = spelled_out(spec, built_in())
    assert rerun != spec
    assert work_of(results(rerun, []), built_in()) == work_of(results(spec, []), built_in())


def test_relative_targets_may_differ_by_the_margin_that_a_report_tries_itself(
    report: Report,
) -> None:
    (problem,) = report.problems
    then = with_problem(report, **other_target(problem, rule="relative", value=50.0))
    near = with_problem(report, **other_target(problem, rule="relative", value=51.0))
    far = with_problem(report, **other_target(problem, rule="relative", value=56.0))
    held, _ = held_against(then, near)
    assert held.agreement is Agreement.HELD
    assert held.notes == ("the relative target was 50.0 then and is 51.0 now",)
    assert agreement(then, far).agreement is Agreement.INCOMPARABLE


def test_several_problems_give_the_worst_of_them(report: Report) -> None:
    (problem,) = report.problems
    second = problem.model_copy(update={"problem": "another", "title": "Another"})
    then = report.model_copy(update={"problems": (problem, second)})
    lost = saying(report, (1.5, 1.3, 1.8), better="adam").problems[0]
    lost = lost.model_copy(update={"problem": "another", "title": "Another"})
    now = report.model_copy(update={"problems": (problem, lost)})
    found = agreement(then, now)
    assert found.agreement is Agreement.CONTRADICTED
    assert found.sentence == "Contradicted: held on 1, contradicted on 1 of 2 problems"


def test_of_claims_that_stay_true_few_are_contradicted_and_of_those_that_are_gone_most() -> None:
    """`python -m benchmarks.agreement` has the long table."""
    generator = np.random.default_rng(1)
    found = simulated(0.67, 8, heavy=False, repeats=150, generator=generator)
    assert found.claims > 100
    assert found.unchanged <= 0.03
    assert found.gone >= 0.7
    assert found.turned >= 0.95
