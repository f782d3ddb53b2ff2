"""The product's verdict on simulated times: runs, pairs, tests and the decision are its own."""

import math
from collections.abc import Sequence

import numpy as np

from service.contracts.events import MetricPoint
from service.contracts.metrics import Metric
from service.contracts.spec import Outcome
from service.domain.scoring.pairs import Pair, compare
from service.domain.scoring.runs import Run
from service.domain.scoring.verdict import Verdict, decide

TARGET = 1.0
BASELINE = "c0"


def names(contenders: int) -> tuple[str, ...]:
    """The contenders' names, the baseline first."""
    return tuple(f"c{number}" for number in range(contenders))


def pairs_of(times: np.ndarray) -> tuple[Pair, ...]:
    """Every pair of one comparison, tested and corrected.

    Args:
        times: Training seconds to the target, shape (contenders, seeds); infinite where missed.
    """
    runs = {name: _runs(own) for name, own in zip(names(len(times)), times.tolist(), strict=True)}
    return compare(runs, Outcome.TRAINING_SECONDS, target=TARGET, baseline=BASELINE, seed=0)


def verdict_on(times: np.ndarray) -> Verdict:
    """The verdict of one comparison on times as in `pairs_of`."""
    return decide(pairs_of(times), names(len(times)), BASELINE)


def _runs(seconds: Sequence[float]) -> tuple[Run, ...]:
    return tuple(
        Run(seed=seed, finished=True, points=(_evaluation(value),), metric=Metric.TRAIN_LOSS)
        for seed, value in enumerate(seconds)
    )


def _evaluation(seconds: float) -> MetricPoint:
    """One evaluation: at the target after these seconds, or above it where it was missed."""
    reached = math.isfinite(seconds)
    return MetricPoint.model_construct(
        training_seconds=seconds, train_loss=TARGET if reached else 2 * TARGET
    )
