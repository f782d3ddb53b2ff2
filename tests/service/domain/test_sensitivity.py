"""How many of the points of a search are nearly as good as the best of them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contracts.sensitivity import Sensitivity
from service.contracts.states import FailureKind, StudyKind, TrialState
from service.contracts.tuning import TuningSpec
from service.domain.results import TrialResult
from service.domain.scoring.sensitivity import sensitivity
from service.domain.selection import TriedPoint
from tests.support.comparisons import a_spec, a_trial, judged, results

SOBOL = TuningSpec(trials=16)


def tried(*losses: float, stopped: int = 0) -> list[TriedPoint]:
    """Points with these losses, the last ones stopped early."""
    last = len(losses) - stopped
    return [TriedPoint({"lr": float(n)}, loss, n >= last) for n, loss in enumerate(losses)]


def found(*losses: float, tuning: TuningSpec = SOBOL, stopped: int = 0) -> Sensitivity:
    made = sensitivity(tried(*losses, stopped=stopped), tuning)
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("losses", "near"),
    [
        ((50, 55, 55.1, 90), 2),  # 10 % of 50 is 5
        ((-50, -45, -44.9, 3), 2),  # and so it is of -50
        ((50, 50, math.inf, math.inf), 2),  # diverged points are not near
        ((math.inf, math.inf), 0),
        ((1e-7, 1e-6), 1),
    ],
)
def test_points_within_a_tenth_of_the_size_of_the_best_loss_are_near(
    losses: tuple[float, ...], near: int
) -> None:
    assert (found(*losses).near, found(*losses).points) == (near, len(losses))


LOSSES = st.floats(-1e3, 1e3).filter(lambda loss: abs(loss) > 1e-300)


@given(st.lists(LOSSES, min_size=2, max_size=20), st.floats(0.1, 10))
def test_the_unit_of_the_loss_does_not_matter(losses: list[float], unit: float) -> None:
    # a power of two, and no loss that it makes denormal: no rounding moves one over the border
    scale = 2.0 ** round(math.log2(unit))
    assert found(*losses) == found(*(scale * loss for loss in losses))


@pytest.mark.parametrize(
    ("tuning", "words"),
    [
        (SOBOL, "50 % of the space (2 of 4 points)"),
        (TuningSpec(search="random", trials=4), "50 % of the space (2 of 4 points)"),
        (TuningSpec(search="grid"), "50 % of the space (2 of 4 points)"),
        (TuningSpec(search="tpe", trials=4), "50 % of the points tried (2 of 4 points)"),
        (TuningSpec(worker_seconds=60), "50 % of the points tried (2 of 4 points)"),
    ],
)
def test_only_points_that_fill_the_space_tell_its_share(tuning: TuningSpec, words: str) -> None:
    assert found(1, 1.05, 2, 3, tuning=tuning).written == words


def test_where_points_were_stopped_early_the_share_is_not_known() -> None:
    asha = TuningSpec(trials=4, asha={})
    stopped = found(1, 1.05, 1.08, 3, tuning=asha, stopped=2)
    assert stopped.share is None
    assert stopped.written == "not known: 2 of 4 points were stopped early"


def test_the_best_point_is_near_itself_and_no_share_follows_from_it() -> None:
    assert found(1, 2, 3, 4).written == "the best point alone of 4"


def test_a_best_loss_of_zero_has_no_tenth() -> None:
    assert found(0, 0, 1).written == "not known: the best loss is 0"


def test_nothing_is_said_of_fewer_than_two_points() -> None:
    assert sensitivity(tried(), SOBOL) is None
    assert sensitivity(tried(5), SOBOL) is None


def test_the_report_takes_the_median_of_a_point_and_leaves_out_what_says_nothing() -> None:
    spec = a_spec("adam", tuning={"trials": 4, "repeats": 3})

    def point(lr: float, *losses: float | None, **fields: object) -> list[TrialResult]:
        return [
            a_trial("adam", [100.0, loss], kind=StudyKind.TUNING, point={"lr": lr}, **fields)
            for loss in losses
        ]

    lost = {"state": TrialState.FAILED, "failure": FailureKind.LOST_WORKER}
    search = [
        *point(0.1, 50, 10, 52),  # its median is the best
        *point(0.2, 54, 54, 200),
        *point(0.3, 40, 60, 70),
        *point(0.4, 51, 51, 51, **lost),
    ]
    report = judged(results(spec, search, complete=False)).contenders[0]
    assert report.sensitivity == Sensitivity(near=2, points=3, even=True)
