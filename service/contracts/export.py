"""A comparison's trials and curves as one document: what `export --format json` writes."""

from datetime import datetime
from typing import Literal

from service.contracts.base import Contract
from service.contracts.events import Environment
from service.contracts.spec import ComparisonSpec
from service.contracts.states import ComparisonState
from service.contracts.views import Curve, TrialView


class ExportedCurve(Contract):
    """What a trial measured, an entry for each evaluation; an entry that is not finite is null.

    A metric that the trial never measured is empty.
    """

    epoch: tuple[int, ...]
    step: tuple[int, ...]
    training_seconds: tuple[float, ...]
    elapsed_seconds: tuple[float, ...]
    process_seconds: tuple[float, ...]
    gradient_evaluations: tuple[float, ...]
    ranks: tuple[int, ...]
    train_loss: Curve
    validation_loss: Curve = ()
    test_loss: Curve = ()
    train_accuracy: Curve = ()
    validation_accuracy: Curve = ()
    test_accuracy: Curve = ()


class ExportedTrial(TrialView):
    """A trial with where it ran and its whole curve."""

    environment: Environment | None
    curve: ExportedCurve


class ExportedComparison(Contract):
    """Whose trials they are."""

    id: str
    name: str
    state: ComparisonState
    owner: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    verdict: str | None
    """The verdict's sentence, once the report is final."""
    spec: ComparisonSpec


class Export(Contract):
    """Every trial of a comparison; fields may be added within a version."""

    schema_version: Literal[1] = 1
    comparison: ExportedComparison
    trials: tuple[ExportedTrial, ...]
