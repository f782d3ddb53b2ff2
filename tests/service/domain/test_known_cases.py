"""Ten small comparisons, each with the verdict that a statistician gives and its arithmetic.

Log-ratios are log(K-BFGS / Adam) of the seconds to the target, one a seed; below 0 K-BFGS is
faster. An interval of eight goes from the lowest to the highest, moved inwards by 0.93564 of the
way to the next one (the share is worked out in test_intervals). The 2 % zone ends at
log 1.02 = 0.01980.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from service.contracts.report import ProblemReport
from service.domain.results import TrialResult
from tests.support.comparisons import a_spec, a_trial, judged, reaching, results, searched

BOTH = math.nan
"""Stands for a seed on which both missed the target."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A comparison of two and what is to be said of it."""

    log_ratios: Sequence[float]
    p: float
    median: float
    """Log-ratios, as the bounds are."""
    low: float = -math.inf
    high: float = math.inf
    winner: str | None


CASES = {
    # All eight signs agree: of 2^8 patterns only +...+ and -...- are as far out, 2/256.
    # From -0.9 to -0.2: -0.9 + 0.93564 x 0.1 = -0.80644, -0.2 - 0.93564 x 0.1 = -0.29356.
    "all eight seeds agree": Case(
        log_ratios=[-0.9, -0.8, -0.7, -0.6, -0.5, -0.4, -0.3, -0.2],
        p=2 / 256,
        median=-0.55,
        low=-0.80644,
        high=-0.29356,
        winner="kbfgs",
    ),
    # 2/64 < 0.05. Ranks 1 and 2 of six cover 62/64 and 50/64: the surplus over 95 % is
    # (0.96875 - 0.95) / (0.96875 - 0.78125) = 0.1, the way 5 x 0.1 / (1 + 4 x 0.1) = 0.35714.
    "six that agree are enough for two": Case(
        log_ratios=[-0.6, -0.5, -0.4, -0.3, -0.2, -0.1],
        p=2 / 64,
        median=-0.35,
        low=-0.6 + 0.35714 * 0.1,
        high=-0.1 - 0.35714 * 0.1,
        winner="kbfgs",
    ),
    # 2/32 = 0.0625 is the smallest p of five seeds, and their ends cover 30/32 < 95 %.
    "five are not, however far apart": Case(
        log_ratios=[-5, -4, -3, -2, -1], p=2 / 32, median=-3, winner=None
    ),
    # The sizes sum to 2.01 and the ratios to -1.99. As far out are sums of which at most 0.01 is
    # turned: nothing, or the 0.01; two patterns on either side, 4/64. 0.01 - 0.35714 x 0.21.
    "one of six against, however little": Case(
        log_ratios=[-0.6, -0.5, -0.4, -0.3, -0.2, 0.01],
        p=4 / 64,
        median=-0.35,
        low=-0.6 + 0.35714 * 0.1,
        high=0.01 - 0.35714 * 0.21,
        winner=None,
    ),
    # The same with eight seeds: 4/256. The end is 0.01 - 0.93564 x 0.21 = -0.18648 < -0.0198.
    "one of eight against": Case(
        log_ratios=[-0.8, -0.7, -0.6, -0.5, -0.4, -0.3, -0.2, 0.01],
        p=4 / 256,
        median=-0.45,
        low=-0.8 + 0.93564 * 0.1,
        high=-0.18648,
        winner="kbfgs",
    ),
    # Every seed says so, 2/256, but the end is -0.012 - 0.93564 x 0.001 = -0.01294: within 2 %.
    "sure, but of a difference that counts as none": Case(
        log_ratios=[-0.019, -0.018, -0.017, -0.016, -0.015, -0.014, -0.013, -0.012],
        p=2 / 256,
        median=-0.0155,
        low=-0.019 + 0.93564 * 0.001,
        high=-0.01294,
        winner=None,
    ),
    # Ranks of the sizes 0.2, 0.3 ... 0.7 are 1 ... 6; two that Adam missed share 7 and 8, 7.5
    # each. The signed sum is -34 of 36: at most 1 is turned, nothing or the 1, so 4/256.
    # The end is 0.2 - 0.93564 x 0.5 = -0.26782; the other side is open.
    "Adam misses two of eight": Case(
        log_ratios=[-math.inf, -math.inf, -0.7, -0.6, -0.5, -0.4, -0.3, 0.2],
        p=4 / 256,
        median=-0.55,
        high=-0.26782,
        winner="kbfgs",
    ),
    # Two ties of missed targets have no sign: 2/64 from the six others. But the second highest
    # ratio is such a tie, and so is the end of the interval: 0 is within 2 %.
    "both miss two, one leads in six": Case(
        log_ratios=[-0.6, -0.5, -0.4, -0.3, -0.2, -0.1, BOTH, BOTH],
        p=2 / 64,
        median=-0.25,
        low=-0.6 + 0.93564 * 0.1,
        high=0,
        winner=None,
    ),
}


def ran(log_ratios: Sequence[float]) -> ProblemReport:
    """Runs with these ratios on seeds of which each is slower than the one before."""
    trials: list[TrialResult] = []
    for seed, value in enumerate(log_ratios):
        pace = 1.0 + seed
        missed = {"kbfgs": value == math.inf, "adam": value == -math.inf}
        seconds = {"kbfgs": pace * math.exp(value) if math.isfinite(value) else pace, "adam": pace}
        for name, taken in seconds.items():
            end = 90.0 if missed[name] or math.isnan(value) else 50.0
            trials.append(a_trial(name, [100.0, end], seed=seed, seconds_an_epoch=taken))
    spec = a_spec(seeds=len(log_ratios))
    return judged(results(spec, [*searched(spec), *trials]))


@pytest.mark.parametrize("name", CASES)
def test_two_contenders(name: str) -> None:
    case, report = CASES[name], ran(CASES[name].log_ratios)
    (pair,) = report.pairs
    assert report.winner == case.winner
    assert pair.corrected_p == pytest.approx(case.p)
    found = (pair.ratio.low, pair.ratio.median, pair.ratio.high)
    expected = (case.low, case.median, case.high)
    for value, log_ratio in zip(found, expected, strict=True):
        if math.isinf(log_ratio):
            assert value is None
        else:
            assert math.log(value or 0) == pytest.approx(log_ratio, abs=1e-5)


def test_three_contenders_by_holms_steps() -> None:
    """K-BFGS leads in all of eight seeds, Adam and SGD lead in four each.

    p of the pairs is 2/256, 2/256 and, of 0.1 -0.1 0.2 -0.2 ..., whose sum is 0, 1. Holm: the
    lowest times 3 is 0.0234, the next times 2 is 0.0156 and so 0.0234 too, the last times 1 is 1.
    """
    adam = [10.0 + seed for seed in range(8)]
    sizes = [0.1, -0.1, 0.2, -0.2, 0.3, -0.3, 0.4, -0.4]
    seconds = {
        "kbfgs": [0.3 * value for value in (11.0, 10, 13, 12, 15, 14, 17, 16)],
        "adam": adam,
        "sgd": [value * math.exp(size) for value, size in zip(adam, sizes, strict=True)],
    }
    report = judged(reaching(a_spec(*seconds, baseline="adam"), seconds))
    corrected = {(pair.first, pair.second): pair.corrected_p for pair in report.pairs}
    assert report.winner == "kbfgs"
    assert report.beats_baseline == ("kbfgs",)
    assert corrected["kbfgs", "adam"] == corrected["kbfgs", "sgd"] == pytest.approx(3 * 2 / 256)
    assert corrected["adam", "sgd"] == 1


def test_epochs_to_a_relative_target() -> None:
    """Medians of the best losses are 20 and 40: the target is 40 x 1.05 = 42.

    100 to 20 in the first epoch passes 42 after 58/80 = 0.725. 100, 70, 40 passes it in the
    second: after 1 + 28/30 = 1.93333. Their ratio is 0.375. Losses differ a little by seed, for
    else nothing would vary.
    """
    spec = a_spec(verdict={"outcome": "epochs", "target": "relative"}, seeds=7)
    trials = [a_trial("kbfgs", [100, 20 + (seed - 3) / 100], seed=seed) for seed in range(7)]
    trials += [a_trial("adam", [100, 70, 40 - (seed - 3) / 100], seed=seed) for seed in range(7)]
    report = judged(results(spec, [*searched(spec), *trials]))
    assert report.target.value == pytest.approx(42)
    assert report.contenders[0].epochs.median == pytest.approx(0.725, abs=1e-4)
    assert report.contenders[1].epochs.median == pytest.approx(1.93333, abs=1e-4)
    assert report.pairs[0].ratio.median == pytest.approx(0.375, abs=1e-4)
    assert (report.pairs[0].corrected_p, report.winner) == (2 / 128, "kbfgs")
