"""What the fault runs call lost, and when they do harm."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.faults.__main__ import EARLIEST, LATEST, Repetition, moment, table
from benchmarks.faults.courses import Course
from benchmarks.faults.harm import FAULTS
from benchmarks.repetitions import append, read
from service.contracts.spec import ComparisonSpec
from service.contracts.states import ComparisonState, TrialState

WELL = Course(
    state=ComparisonState.FINISHED,
    points={"t0": ({"lr": 0.1}, 7)},
    states={"t0": TrialState.FINISHED},
    epochs={"t0": (0, 1, 2)},
    losses={"t0": (3.0, 2.0, 1.0)},
    attempts=1,
    log="t0: the actor died",
)
REPETITION = Repetition(
    kind="web",
    number=0,
    share=0.5,
    epochs=9,
    seconds=30.0,
    undisturbed_seconds=28.0,
    attempts=1,
    faults=(),
)


def test_a_course_with_more_attempts_and_the_same_figures_lost_nothing() -> None:
    assert replace(WELL, attempts=3).faults(WELL, epochs=2) == ()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"state": ComparisonState.FAILED}, "it did not finish"),
        ({"points": {"t0": ({"lr": 0.1}, 8)}}, "points differ"),
        ({"states": {"t0": TrialState.DIVERGED}}, "trials ended otherwise"),
        ({"epochs": {"t0": (0, 2)}}, "epochs are missing"),
        ({"losses": {"t0": (3.0, 2.0, 1.0 + 1e-15)}}, "losses differ"),
    ],
)
def test_whatever_differs_is_named(changed: dict[str, object], words: str) -> None:
    assert replace(WELL, **changed).faults(WELL, epochs=2) == (words,)


def test_harm_of_which_the_logs_tell_nothing_was_not_felt() -> None:
    fault = replace(FAULTS["web"], spec={"budget": {"epochs": 2}}, told="actor died")
    assert fault.faults(WELL, WELL) == ()
    assert fault.faults(replace(WELL, log=""), WELL) == ("the harm was not felt",)


def test_moments_follow_from_the_seed_and_spread_over_the_whole_run() -> None:
    moments = [moment("driver", number, 0) for number in range(50)]
    assert moments == [moment("driver", number, 0) for number in range(50)]
    assert moments != [moment("driver", number, 1) for number in range(50)]
    assert EARLIEST <= min(moments) < 0.2
    assert 0.8 < max(moments) <= LATEST


def test_what_was_done_is_read_again_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "faults.jsonl"
    assert list(read(path, Repetition)) == []
    done = [REPETITION, replace(REPETITION, number=1, faults=("losses differ",))]
    for one in done:
        append(one, path)
    assert list(read(path, Repetition)) == done
    rows = list(table(done))
    assert rows[2] == "| `kill -9` of the web | 2 | 1 | 1 | 2 | losses differ |"
    assert len(rows) == 3


@pytest.mark.parametrize("kind", FAULTS)
def test_every_kind_harms_a_comparison_that_can_be_made(kind: str) -> None:
    spec = ComparisonSpec.model_validate(FAULTS[kind].spec)
    assert spec.budget.epochs > 2
