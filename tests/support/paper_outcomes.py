"""Outcomes of the paper's comparisons as they might have come from runs, built by hand."""

from collections.abc import Sequence

from examples.paper.outcomes import Outcome, Run
from service.contracts.spec import ComparisonSpec
from service.contracts.states import StudyKind, TrialState


def a_spec(problem: str = "mnist-autoencoder") -> ComparisonSpec:
    """K-BFGS and K-FAC over small grids."""
    return ComparisonSpec.model_validate(
        {
            "name": "two methods",
            "problems": [problem],
            "contenders": [
                {"optimizer": "kbfgs", "settings": {"lr": 0.3, "damping": 0.3}},
                {"optimizer": "kfac", "space": {"lr": {"values": [1, 3]}}},
            ],
            "budget": {"epochs": 2},
            "tuning": {"search": "grid"},
            "seeds": 2,
        }
    )


def a_run(
    contender: str,
    losses: Sequence[float | None],
    *,
    kind: StudyKind = StudyKind.FINALS,
    state: TrialState = TrialState.FINISHED,
    lr: float = 1.0,
) -> Run:
    """A run with an evaluation each 5 epochs, 2 seconds an epoch."""
    epochs = tuple(range(0, 5 * len(losses), 5))
    return Run(
        contender=contender,
        kind=kind,
        state=state,
        point={"lr": lr} if contender == "kfac" else {},
        epochs=epochs,
        seconds=tuple(2.0 * epoch for epoch in epochs),
        losses=tuple(losses),
    )


def an_outcome(*runs: Run, missing: str = "", spec: ComparisonSpec | None = None) -> Outcome:
    """A comparison of which these runs are planned."""
    return Outcome(
        name="two", spec=spec or a_spec(), runs=runs, report=None, missing=missing, machines=()
    )
