"""Results of comparisons as they might have come from workers, built by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from service.contracts.catalogue import built_in
from service.contracts.events import MetricPoint
from service.contracts.report import ProblemReport
from service.contracts.spec import ComparisonSpec
from service.contracts.states import StudyKind, TrialState
from service.domain.results import ComparisonResults, TrialResult
from service.domain.scoring import score

PROBLEM = "mnist-5k-autoencoder"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def a_spec(*optimizers: str, **fields: object) -> ComparisonSpec:
    """A comparison of these optimizers; further fields replace the defaults."""
    document: dict[str, object] = {
        "name": "a comparison",
        "problems": [PROBLEM],
        "contenders": [{"optimizer": name} for name in optimizers or ("kbfgs", "adam")],
        "budget": {"epochs": 5},
        "tuning": {"trials": 2},
        "verdict": {"target": 50.0},
    }
    return ComparisonSpec.model_validate({**document, **fields})


def curve(losses: Sequence[float | None], seconds_an_epoch: float = 1.0) -> tuple[MetricPoint, ...]:
    """One evaluation an epoch, 20 steps each, from epoch 0 on."""
    return tuple(
        MetricPoint(
            epoch=epoch,
            step=20 * epoch,
            training_seconds=seconds_an_epoch * epoch,
            elapsed_seconds=2 * seconds_an_epoch * epoch,
            process_seconds=seconds_an_epoch * epoch,
            gradient_evaluations=20.0 * epoch,
            train_loss=loss,
            test_loss=None if loss is None else loss + 1,
        )
        for epoch, loss in enumerate(losses)
    )


def a_trial(
    contender: str,
    losses: Sequence[float | None] = (),
    *,
    number: int = 0,
    kind: StudyKind = StudyKind.FINALS,
    seed: int = 1,
    seconds_an_epoch: float = 1.0,
    **fields: Any,
) -> TrialResult:
    """A finished trial with this curve; further fields replace the rest."""
    usual = TrialResult(
        number=number,
        kind=kind,
        problem=PROBLEM,
        contender=contender,
        point={"lr": 0.01},
        seed=seed,
        state=TrialState.FINISHED,
        failure=None,
        points=curve(losses, seconds_an_epoch),
        worker_seconds=10.0,
        environment=None,
    )
    return replace(usual, **fields)


def measured(trial: TrialResult, **curves: Sequence[float | None]) -> TrialResult:
    """The trial with other curves of some metrics, by their names."""
    rows = [dict(zip(curves, values, strict=True)) for values in zip(*curves.values(), strict=True)]
    points = [point.model_copy(update=row) for point, row in zip(trial.points, rows, strict=True)]
    return replace(trial, points=tuple(points))


def results(
    spec: ComparisonSpec, trials: Sequence[TrialResult], *, complete: bool = True
) -> ComparisonResults:
    """These trials as the results of the comparison."""
    return ComparisonResults(
        comparison_id="acomparison", spec=spec, trials=tuple(trials), complete=complete
    )


def searched(spec: ComparisonSpec) -> list[TrialResult]:
    """Two finished tuning trials for each contender."""
    return [
        a_trial(contender.label, [100.0, 90.0 + number], number=number, kind=StudyKind.TUNING)
        for contender in spec.contenders
        for number in range(2)
    ]


def reaching(
    spec: ComparisonSpec, seconds: Mapping[str, Sequence[float]], *, complete: bool = True
) -> ComparisonResults:
    """Finals whose runs reach a loss of 50 after these seconds, one entry a seed.

    The loss falls from 100 to 50 in a straight line within the first epoch, and on to 1.
    """
    finals = [
        a_trial(name, [100.0, 50.0, 1.0], number=100 + seed, seed=seed, seconds_an_epoch=value)
        for name, values in seconds.items()
        for seed, value in enumerate(values)
    ]
    return results(spec, [*searched(spec), *finals], complete=complete)


def judged(outcome: ComparisonResults) -> ProblemReport:
    """The report on the comparison's one problem."""
    return score(outcome, built_in(), now=NOW).problems[0]


SPREAD = (0.97, 0.98, 0.99, 1.0, 1.01, 1.02, 1.03, 1.04)
WON = reaching(
    a_spec(name="<K-BFGS> & friends"),
    {"kbfgs": [4 * v for v in SPREAD], "adam": [10 * v for v in reversed(SPREAD)]},
)
"""A comparison that K-BFGS has won."""
