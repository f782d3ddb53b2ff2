"""The verdict in words: whatever came out, there is a sentence."""

import re
from dataclasses import replace
from itertools import product

import pytest

from service.contracts.catalogue import built_in
from service.contracts.states import FailureKind, StudyKind, TrialState
from service.domain.results import TrialResult
from service.domain.scoring import score
from tests.support.comparisons import (
    NOW,
    a_spec,
    a_trial,
    judged,
    reaching,
    results,
    searched,
)

SPREAD = [0.97, 0.98, 0.99, 1.0, 1.01, 1.02, 1.03, 1.04]
# Sorted, the ratios begin 0.4 x 0.97 / 1.04 = 0.373 and 0.4 x 0.98 / 1.03 = 0.381; the interval
# starts 0.9356 of the way between them (see test_intervals), at 0.380.
FAST = [4 * value for value in SPREAD]
SLOW = [10 * value for value in reversed(SPREAD)]


def finals(contender: str, losses: list[float | None], **fields: object) -> list[TrialResult]:
    return [a_trial(contender, losses, seed=seed, **fields) for seed in range(8)]


def test_the_winner_of_two() -> None:
    assert judged(reaching(a_spec(), {"kbfgs": FAST, "adam": SLOW})).sentence == (
        "K-BFGS reaches 50.0 in 0.40× Adam's time (95 % 0.38–0.42, corrected p = 0.0078, 8 seeds); "
        "tuning took 2 trials each, 20.0 and 20.0 worker-seconds."
    )


def test_the_winner_of_four_is_held_against_the_baseline() -> None:
    spec = a_spec("kbfgs", "adam", "rmsprop", "sgd", baseline="rmsprop")
    seconds = {"kbfgs": FAST, "adam": SLOW, "rmsprop": SLOW, "sgd": SLOW}
    assert judged(reaching(spec, seconds)).sentence == (
        "K-BFGS reaches 50.0 in 0.40× RMSprop's time (95 % 0.38–0.42, corrected p = 0.047, "
        "8 seeds); it also beats Adam and SGD with momentum; "
        "tuning took 2 trials each, 20.0 and 20.0 worker-seconds."
    )


def test_a_contender_with_a_name_of_its_own_is_called_by_it() -> None:
    spec = a_spec(contenders=[{"optimizer": "kbfgs"}, {"optimizer": "adam", "name": "adam-90"}])
    sentence = judged(reaching(spec, {"kbfgs": FAST, "adam-90": SLOW})).sentence
    assert sentence.startswith("K-BFGS reaches 50.0 in 0.40× adam-90's time")


def test_every_title_can_stand_in_a_list_of_rivals() -> None:
    titles = [entry.title for entry in built_in().optimizers]
    assert not [title for title in titles if "," in title]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize(("outcome", "word"), [("epochs", "epochs"), ("steps", "steps")])
def test_the_outcome_is_named(outcome: str, word: str) -> None:
    spec = a_spec(verdict={"outcome": outcome, "target": 50})
    trials = [a_trial("kbfgs", [100, 40 - s, 1], seed=s) for s in range(8)]
    trials += [a_trial("adam", [100, 90 + s / 10, 10], seed=s) for s in range(8)]
    sentence = judged(results(spec, [*searched(spec), *trials])).sentence
    assert re.match(rf"K-BFGS reaches 50\.0 in 0\.5\d× Adam's {word} \(", sentence)


def test_a_final_loss_is_named() -> None:
    spec = a_spec(verdict={"outcome": "final_loss"})
    trials = [a_trial("kbfgs", [100, 50 + s / 10], seed=s) for s in range(8)]
    trials += [a_trial("adam", [100, 60 - s / 10], seed=s) for s in range(8)]
    sentence = judged(results(spec, [*searched(spec), *trials])).sentence
    assert sentence.startswith("K-BFGS ends at 0.84× Adam's training loss (95 %")


@pytest.mark.parametrize(("slower", "told"), [(4.0, True), (None, False)])
def test_a_loss_is_told_with_what_it_cost(slower: float | None, told: bool) -> None:
    """Equal epochs are not equal work: 2 epochs of 4 s each against 2 of 1 s each are 4.00×."""
    outcome = "training_seconds" if slower is None else "final_loss"
    spec = a_spec(verdict={"outcome": outcome, "target": 70}, budget={"epochs": 2})
    trials = [
        a_trial("kbfgs", [100, 60, 50 + s / 10], seed=s, seconds_an_epoch=slower or 0.1)
        for s in range(8)
    ]
    trials += [a_trial("adam", [100, 70, 60 - s / 10], seed=s) for s in range(8)]
    sentence = judged(results(spec, [*searched(spec), *trials])).sentence
    assert ("8 seeds); its 2 epochs took 4.00× Adam's training time" in sentence) is told
    assert ("training time" in sentence) is told


def test_an_undecided_comparison_says_so_and_asks_for_seeds() -> None:
    noise = [0.7, 1.3, 0.8, 1.2, 0.6, 0.9, 1.0, 1.1]
    report = judged(reaching(a_spec(), {"kbfgs": [5 * n for n in noise], "adam": [6.0] * 8}))
    assert report.sentence.startswith("No clear winner: K-BFGS reaches 50.0 in 0.79× Adam's time")
    assert f"about {report.more_seeds} more seeds would probably decide it" in report.sentence


def test_those_who_beat_the_baseline_are_named() -> None:
    near = [value * (1.01 + n / 10_000) for n, value in enumerate(FAST)]
    spec = a_spec("kbfgs", "adam", "sgd", baseline="adam")
    sentence = judged(reaching(spec, {"kbfgs": FAST, "adam": SLOW, "sgd": near})).sentence
    assert sentence.startswith("No clear winner: K-BFGS reaches 50.0 in 0.99× SGD with momentum's")
    assert "K-BFGS and SGD with momentum beat the baseline Adam" in sentence


def test_too_few_seeds_are_named_as_the_reason() -> None:
    spec = a_spec(seeds=3)
    sentence = judged(reaching(spec, {"kbfgs": FAST[:3], "adam": SLOW[:3]})).sentence
    assert "(corrected p = 0.25, 3 seeds)" in sentence
    assert "a winner needs at least 6 seeds" in sentence


def test_one_seed_gives_a_sentence() -> None:
    sentence = judged(reaching(a_spec(seeds=1), {"kbfgs": [1.0], "adam": [2.0]})).sentence
    assert sentence.startswith("No clear winner: K-BFGS reaches 50.0 in 0.50× Adam's time")
    assert "corrected p = 1, 1 seed)" in sentence


def test_equal_contenders() -> None:
    sentence = judged(reaching(a_spec(), {"kbfgs": FAST, "adam": FAST})).sentence
    assert sentence == "No clear winner: K-BFGS and Adam are equal in all of 8 seeds (p = 1)."


def test_a_single_contender() -> None:
    sentence = judged(reaching(a_spec("kbfgs"), {"kbfgs": FAST})).sentence
    assert sentence == (
        "No verdict, for K-BFGS is the only contender: it reaches 50.0 in 4.02 (3.92–4.12) "
        "training seconds, in 8 of 8 runs; tuning took 2 trials, 20.0 worker-seconds."
    )


def test_a_target_that_nobody_reached() -> None:
    spec = a_spec(verdict={"target": 10})
    trials = [*searched(spec), *finals("kbfgs", [100, 60]), *finals("adam", [100, 70])]
    assert judged(results(spec, trials)).sentence == (
        "No winner: no contender reached 10.0 within 5 epochs; "
        "K-BFGS came nearest with a median final training loss of 60.0."
    )


def test_a_target_that_one_contender_never_reached() -> None:
    spec = a_spec()
    trials = [*searched(spec), *finals("kbfgs", [100, 20]), *finals("adam", [100, 70])]
    assert judged(results(spec, trials)).sentence.startswith(
        "K-BFGS reaches 50.0 in 8 of 8 runs, Adam in 0 of 8 (corrected p = 0.0078, 8 seeds)"
    )


def test_a_target_that_the_initial_weights_meet() -> None:
    spec = a_spec()
    trials = [*searched(spec), *finals("kbfgs", [100, 20]), *finals("adam", [40, 30])]
    report = judged(results(spec, trials))
    assert report.sentence.startswith("Adam is at 50.0 before its first step, K-BFGS is not")
    assert any("initial weights of Adam are at the target" in entry for entry in report.warnings)


def test_finals_that_a_person_cancelled_are_told() -> None:
    spec = a_spec()
    ran = [*searched(spec), *finals("kbfgs", [100, 20]), *finals("adam", [100, 70])]
    assert not any("cancelled" in entry for entry in judged(results(spec, ran)).warnings)
    *others, last = ran
    taken = replace(last, state=TrialState.CANCELLED)
    (told,) = (
        entry for entry in judged(results(spec, [*others, taken])).warnings if "cancelled" in entry
    )
    assert told.startswith("Adam: a person cancelled 1 run of the finals")


def test_every_run_diverged() -> None:
    spec = a_spec()
    bad = {"losses": [100, None], "state": TrialState.DIVERGED}
    trials = [*searched(spec), *finals("kbfgs", **bad), *finals("adam", **bad)]
    assert judged(results(spec, trials)).sentence == "No winner: every run of the finals diverged."


def test_no_search_ended_well() -> None:
    spec = a_spec()
    trials = [
        a_trial(name, [9, None], kind=StudyKind.TUNING, state=TrialState.DIVERGED)
        for name in ("kbfgs", "adam")
    ]
    assert judged(results(spec, trials)).sentence.startswith(
        "No winner: nothing of any contender's search ended well"
    )


def test_a_baseline_that_is_out() -> None:
    spec = a_spec("adam", "kbfgs")
    trials = [a_trial("adam", [9, None], kind=StudyKind.TUNING, state=TrialState.DIVERGED)]
    trials += finals("kbfgs", [100, 20])
    assert judged(results(spec, trials)).sentence.startswith(
        "No verdict: K-BFGS is the only contender left, for nothing in the search of Adam"
    )


def test_a_baseline_whose_runs_were_lost() -> None:
    spec = a_spec("adam", "kbfgs")
    lost = finals("adam", [100], state=TrialState.FAILED, failure=FailureKind.LOST_WORKER)
    trials = [*searched(spec), *finals("kbfgs", [100, 20]), *lost]
    assert judged(results(spec, trials)).sentence.startswith(
        "No clear winner: Adam has no run to compare with"
    )


def test_before_the_finals() -> None:
    spec = a_spec(seeds=8)
    assert judged(results(spec, searched(spec), complete=False)).sentence == (
        "Interim (4 of 20 trials so far): no run of the finals has ended yet."
    )
    assert judged(results(spec, searched(spec))).sentence == (
        "No verdict: no run of the finals ended well."
    )


def test_a_verdict_in_the_middle_is_marked_as_interim() -> None:
    spec = a_spec(seeds=9)
    ran = reaching(spec, {"kbfgs": FAST, "adam": SLOW}, complete=False)
    waiting = [a_trial(n, seed=8, state=TrialState.QUEUED) for n in ("kbfgs", "adam")]
    outcome = results(spec, [*ran.trials, *waiting], complete=False)
    report = score(outcome, built_in(), now=NOW)
    assert report.status == "interim"
    assert report.problems[0].sentence.startswith(
        "Interim (20 of 22 trials so far): K-BFGS reaches 50.0 in 0.40× Adam's time"
    )


ENDINGS = [
    {"losses": [100, 40, 30]},
    {"losses": [100, 90, 80]},
    {"losses": [0.0, 0.0]},
    {"losses": [-5, -10]},
    {"losses": [5, None]},
    {"losses": []},
    {"losses": [100, None], "state": TrialState.DIVERGED},
    {"losses": [100], "state": TrialState.FAILED, "failure": FailureKind.OUT_OF_MEMORY},
    {"losses": [100], "state": TrialState.FAILED, "failure": FailureKind.BUG},
    {"losses": [100, 50], "state": TrialState.CANCELLED},
    {"losses": [], "state": TrialState.QUEUED},
    None,
]


@pytest.mark.parametrize("outcome", ["training_seconds", "final_loss"])
@pytest.mark.parametrize("target", [50, 0, "relative"])
@pytest.mark.parametrize("seeds", [1, 8])
def test_any_pair_of_endings_gives_a_sentence_and_a_report_in_json(
    outcome: str, target: object, seeds: int
) -> None:
    spec = a_spec(verdict={"outcome": outcome, "target": target}, seeds=seeds)
    for first, second in product(ENDINGS, ENDINGS):
        trials = searched(spec)
        for name, ending in (("kbfgs", first), ("adam", second)):
            if ending is not None:
                trials += [a_trial(name, seed=seed, **ending) for seed in range(seeds)]
        report = score(results(spec, trials), built_in(), now=NOW)
        assert report == type(report).model_validate_json(report.model_dump_json())
        sentence = report.problems[0].sentence
        assert sentence.endswith(".")
        assert "None" not in sentence
        assert "nan" not in sentence
        assert "inf" not in sentence
