"""Whatever is missing or odd is said, and what can be said is said."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from service.contracts.catalogue import built_in
from service.contracts.events import Environment
from service.contracts.report import Report
from service.contracts.spec import ComparisonSpec
from service.contracts.states import FailureKind, TrialState
from service.domain.results import ComparisonResults, TrialResult
from service.domain.scoring import score
from tests.support.comparisons import NOW, a_spec, a_trial, reaching, results, searched

SPREAD = [0.97, 0.98, 0.99, 1.0, 1.01, 1.02, 1.03, 1.04]
FAST = [4 * value for value in SPREAD]
SLOW = [10 * value for value in reversed(SPREAD)]
CLEAR = reaching(a_spec(), {"kbfgs": FAST, "adam": SLOW})
FINAL_LOSS = a_spec(verdict={"outcome": "final_loss"})


def finals(
    name: str, end: Callable[[int], float], seeds: Sequence[int] = range(8), **fields: object
) -> list[TrialResult]:
    return [a_trial(name, [100, end(seed)], seed=seed, number=seed, **fields) for seed in seeds]


def lost(name: str, seeds: Sequence[int] = range(8)) -> list[TrialResult]:
    failed = {"state": TrialState.FAILED, "failure": FailureKind.LOST_WORKER}
    return finals(name, lambda _: 90, seeds, **failed)


def of(*trials: TrialResult, spec: object = None, **fields: object) -> ComparisonResults:
    spec = spec or a_spec()
    return replace(results(spec, [*searched(spec), *trials]), **fields)


def placed(
    place: Callable[[TrialResult], tuple[str, int]], spec: ComparisonSpec | None = None
) -> ComparisonResults:
    """The clear case, each trial on a host with so many threads."""
    told = {"device": "cpu", "python": "3.11", "torch": "2.13"}
    trials = []
    for trial in CLEAR.trials:
        host, threads = place(trial)
        environment = Environment(hostname=host, threads=threads, **told)
        trials.append(replace(trial, environment=environment))
    return replace(CLEAR, trials=tuple(trials), spec=spec or CLEAR.spec)


def stopped(how: str) -> ComparisonResults:
    """Half of the finals, the rest cancelled."""
    cut = [
        replace(trial, state=TrialState.CANCELLED, points=()) if trial.seed >= 4 else trial
        for trial in CLEAR.trials
    ]
    return replace(CLEAR, trials=tuple(cut), complete=False, stopped=how)


CASES: dict[str, tuple[ComparisonResults, str, Sequence[str]]] = {
    "five seeds": (
        reaching(a_spec(seeds=5), {"kbfgs": FAST[:5], "adam": SLOW[:5]}),
        "No clear winner: K-BFGS reaches 50.0 in 0.39× Adam's time (corrected p = 0.062, 5 seeds);"
        " a winner needs at least 6 seeds",
        ["a 95 % interval takes at least 6 seeds: medians stand without one"],
    ),
    "one contender, three seeds": (
        reaching(a_spec("kbfgs", seeds=3), {"kbfgs": FAST[:3]}),
        "No verdict, for K-BFGS is the only contender: it reaches 50.0 in 3.92 training seconds",
        ["a 95 % interval takes at least 6 seeds: medians stand without one"],
    ),
    "a baseline that was lost beside two that ran": (
        of(
            *lost("adam"),
            *finals("kbfgs", lambda seed: 20 - seed / 10),
            *finals("sgd", lambda seed: 30 - seed / 7),
            spec=a_spec("adam", "kbfgs", "sgd"),
        ),
        "No clear winner: K-BFGS reaches 50.0 in 0.88× SGD with momentum's time (95 % 0.88–0.88, "
        "corrected p = 0.023, 8 seeds); Adam has no run to compare with",
        [
            "Adam: 8 runs of the finals failed through no fault of its own; their seeds are left "
            "out of its pairs",
            "2 of 3 pairs of contenders have fewer than the 8 planned seeds in common, as few as "
            "0; below 6 a pair has no interval, and nobody is better",
        ],
    ),
    "two that share no seed": (
        of(
            *finals("kbfgs", lambda seed: 20 + seed, range(4)),
            *finals("adam", lambda seed: 30 + seed, range(4, 8)),
        ),
        "No clear winner: K-BFGS and Adam have no seed in common",
        ["K-BFGS and Adam have 0 of 8 planned seeds in common; below 6 a pair has no interval"],
    ),
    "one seed missing": (
        of(
            *finals("kbfgs", lambda seed: 20 + seed),
            *finals("adam", lambda seed: 40 + seed, range(7)),
        ),
        "K-BFGS reaches 50.0 in 0.74× Adam's time (95 % 0.73–0.75, corrected p = 0.016, 7 seeds)",
        ["K-BFGS and Adam have 7 of 8 planned seeds in common"],
    ),
    "a baseline without memory": (
        of(
            *finals(
                "adam", lambda _: 90, state=TrialState.FAILED, failure=FailureKind.OUT_OF_MEMORY
            ),
            *finals("kbfgs", lambda seed: 20 - seed / 10),
        ),
        "K-BFGS reaches 50.0 in 8 of 8 runs, Adam in 0 of 8 (corrected p = 0.0078, 8 seeds)",
        [
            "Adam: 8 runs of the finals ran out of memory or could not run with its settings: each "
            "counts as a miss"
        ],
    ),
    "each contender on a machine of its own": (
        placed(lambda trial: ("ada", 1) if trial.contender == "adam" else ("bob", 4)),
        "K-BFGS reaches 50.0 in 0.40× Adam's time",
        [
            "the finals ran in different environments (host bob and ada, threads 4 and 1): on 8 of "
            "8 seeds the contenders' times come from different ones and may not be comparable"
        ],
    ),
    "each seed on a machine of its own": (
        placed(lambda trial: (f"n{trial.seed}", 1)),
        "K-BFGS reaches 50.0 in 0.40× Adam's time",
        [
            "the finals ran in different environments (host n0, n1, n2 and 5 more): each seed had "
            "one for all of its runs, so the ratios hold; the seconds vary with it"
        ],
    ),
    "machines of their own where epochs decide": (
        placed(
            lambda trial: (trial.contender, 1),
            a_spec(verdict={"outcome": "epochs", "target": 50.0}),
        ),
        "No clear winner: K-BFGS and Adam are equal in all of 8 seeds (p = 1)",
        [
            "the finals ran in different environments (host kbfgs and adam): on 8 of 8 seeds the "
            "contenders' times come from different ones and may not be comparable; the verdict "
            "does not rest on times"
        ],
    ),
    "equal on one seed": (
        reaching(a_spec(seeds=1), {"kbfgs": [2.0], "adam": [2.0]}),
        "No clear winner: K-BFGS and Adam are equal in the only seed (p = 1).",
        ["with 1 seed no winner among 2 contenders is possible, however large the difference"],
    ),
    "cancelled half-way": (
        stopped("was cancelled"),
        "The comparison was cancelled after 12 of 20 trials. No clear winner: K-BFGS reaches 50.0 "
        "in 0.38× Adam's time (corrected p = 0.12, 4 seeds)",
        ["the comparison was cancelled before all runs had ended: what was seen may have been why"],
    ),
    "failed half-way": (
        stopped("failed"),
        "The comparison failed after 12 of 20 trials. No clear winner: K-BFGS reaches 50.0",
        ["the comparison failed before all runs had ended: figures rest on those that had"],
    ),
    "looked at while it runs": (
        replace(CLEAR, complete=False),
        "Interim (20 of 20 trials so far): K-BFGS reaches 50.0 in 0.40× Adam's time",
        ["interim: whoever looks again and again sees a winner by chance more often than in 5 %"],
    ),
    "a loss of zero": (
        of(
            *finals("kbfgs", lambda _: 0),
            *finals("adam", lambda seed: 0.01 + seed / 1000),
            spec=FINAL_LOSS,
        ),
        "K-BFGS ends at a training loss of 0, Adam of 0.0135 (corrected p = 0.0078, 8 seeds)",
        [],
    ),
    "losses below zero": (
        of(
            *finals("kbfgs", lambda seed: -10 - seed / 10),
            *finals("adam", lambda seed: -9 + seed / 10),
            spec=FINAL_LOSS,
        ),
        # 2 x (10.3 - 8.7) / (10.3 + 8.7) = 0.168 and 2 x (10.4 - 8.6) / 19 = 0.189
        "K-BFGS ends 18 % below Adam's training loss (95 % from 12 % below to 23 % below, ",
        ["losses below zero have no ratios: the difference of two losses over the mean of their"],
    ),
    "half of one's runs diverged": (
        of(
            *finals("kbfgs", lambda seed: 0.3 + seed / 100, range(4)),
            *finals("kbfgs", lambda _: 90, range(4, 8), state=TrialState.DIVERGED),
            *finals("adam", lambda seed: 0.7 + seed / 100),
            spec=FINAL_LOSS,
        ),
        "No clear winner: Adam ends its runs, K-BFGS diverges or fails in half of its own or more",
        ["K-BFGS: 4 of 8 runs of the finals diverged"],
    ),
    "a ratio that never varies": (
        reaching(a_spec(), {"kbfgs": [2.0] * 8, "adam": [4.0] * 8}),
        "No clear winner: K-BFGS reaches 50.0 in 0.50× Adam's time (95 % 0.50–0.50, corrected "
        "p = 1, 8 seeds); how many seeds would decide it cannot be told",
        ["K-BFGS and Adam have the same ratio in every seed: nothing varied"],
    ),
    "a difference of one percent": (
        reaching(a_spec(), {"kbfgs": [9.9 + n / 1e3 for n in range(8)], "adam": [10.0] * 8}),
        "No clear winner: K-BFGS reaches 50.0 in 0.99× Adam's time (95 % 0.99–0.99, corrected "
        "p = 0.0078, 8 seeds); a difference within 2 % counts as none",
        [],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_said(name: str) -> None:
    given, sentence, warnings = CASES[name]
    report = score(given, built_in(), now=NOW)
    assert report.problems[0].sentence.startswith(sentence)
    said = told(report)
    for warning in warnings:
        assert any(line.startswith(warning) for line in said), said


def told(report: Report) -> list[str]:
    return [*report.warnings, *report.problems[0].warnings]


def test_a_clear_case_has_nothing_odd_to_say() -> None:
    """But for the made-up learning rate, which lies outside of K-BFGS's space."""
    assert [line for line in told(score(CLEAR, built_in(), now=NOW)) if "edge" not in line] == []


def test_several_problems_are_several_verdicts() -> None:
    spec = a_spec(problems=["mnist-5k-autoencoder", "faces-like-autoencoder"])
    report = score(results(spec, []), built_in(), now=NOW)
    assert "each of the 2 problems is judged by itself: no p is corrected for their number" in (
        report.warnings
    )
