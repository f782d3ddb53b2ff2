"""Results of comparisons on several problems, built by hand."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from service.contracts.spec import ComparisonSpec
from service.contracts.states import StudyKind
from service.domain.results import ComparisonResults, TrialResult
from tests.support.comparisons import a_spec, a_trial, results

SUITE = ("mnist-5k-autoencoder", "fashion-mnist-mlp", "char-transformer")
MISS = math.inf
Runs = Mapping[str, Sequence[float]]
"""Seconds to a training loss of 50, by contender; one entry a seed, infinite for a miss."""


def run_of(contender: str, seconds: float, **fields: Any) -> TrialResult:
    """A run whose loss falls from 100 to 50 in its first epoch, or never below 60."""
    losses, pace = ([100.0, 50.0, 1.0], seconds) if math.isfinite(seconds) else ([100.0, 60.0], 1.0)
    return a_trial(contender, losses, seconds_an_epoch=pace, **fields)


def suite(*problems: Runs, spec: ComparisonSpec | None = None, **fields: Any) -> ComparisonResults:
    """Finals of the first so many problems of the suite."""
    names = SUITE[: len(problems)]
    spec = spec or a_spec(
        *problems[0], problems=names, tuning={"trials": 2, "metric": "train_loss"}
    )
    searches = [
        a_trial(name, [100.0, 90.0], kind=StudyKind.TUNING, problem=problem)
        for problem in names
        for name in problems[0]
    ]
    finals = [
        run_of(name, seconds, problem=problem, seed=seed, number=100 + seed)
        for problem, runs in zip(names, problems, strict=True)
        for name, own in runs.items()
        for seed, seconds in enumerate(own)
    ]
    return replace(results(spec, [*searches, *finals]), **fields)


BY_HAND = suite(
    {"kbfgs": [1.0] * 3, "adam": [2.0] * 3},
    {"kbfgs": [6.0] * 3, "adam": [3.0] * 3},
    {"kbfgs": [5.0] * 3, "adam": [5.0, MISS, MISS]},
)
"""Ratios of 1, 2 and 1 for the one, of 2, 1 and a miss for the other."""
