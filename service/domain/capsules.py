"""Makes the capsule of a comparison from its results."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from service.contracts.base import SettingValue
from service.contracts.capsule import Capsule, CapsuleTrial, checksum_of
from service.contracts.catalogue import Catalogue, Contender, resolve
from service.contracts.events import Environment, MetricPoint
from service.contracts.points import Seeds
from service.contracts.schedule import ScheduleKind
from service.contracts.spec import ComparisonSpec
from service.domain.results import ComparisonResults, TrialResult, counts
from service.domain.selection import current, deciding_metric, final_loss

_BLANK = "0" * 64
"""Stands where the checksum will."""


def make_capsule(
    results: ComparisonResults, seeds: Seeds, catalogue: Catalogue, *, at: datetime
) -> Capsule:
    """Everything that a rerun needs, and what it is held against.

    Args:
        results: Of a comparison that has finished.
        seeds: All of its seeds.
        catalogue: Where the defaults stand that are spelled out.
        at: When it is made.

    Raises:
        SpecRefused: Where the catalogue no longer has what the spec names: a plug-in is gone.
    """
    trials = sorted(current(results, catalogue).trials, key=lambda trial: trial.number)
    found = dict.fromkeys(trial.environment for trial in trials if trial.environment)
    places = {environment: index for index, environment in enumerate(found)}
    capsule = Capsule(
        comparison_id=results.comparison_id,
        rerun_of=results.capsule.origin if results.capsule else None,
        made_at=at,
        spec=spelled_out(results.spec, catalogue),
        seeds=seeds,
        batch_sizes=batch_sizes(results.spec, catalogue),
        cancelled=results.cancelled,
        environments=tuple(places),
        trials=tuple(_trial(trial, results.spec, catalogue, places) for trial in trials),
        checksum=_BLANK,
    )
    checksum = checksum_of(capsule.model_dump(mode="json"))
    return capsule.model_copy(update={"checksum": checksum})


def spelled_out(spec: ComparisonSpec, catalogue: Catalogue) -> ComparisonSpec:
    """The spec with the catalogue's defaults in it: settings, spaces and schedules."""
    contenders = tuple(
        given.model_copy(update={"settings": _fixed(found), "space": found.space})
        for given, found in zip(spec.contenders, resolve(spec, catalogue), strict=True)
    )
    return spec.model_copy(update={"contenders": contenders, "schedule": None})


def _fixed(contender: Contender) -> dict[str, SettingValue]:
    """The settings that no point gives, less what a spec may not say because nothing follows."""
    constant = contender.settings.get("schedule") == ScheduleKind.CONSTANT
    idle = {"final_lr_fraction"} if constant and "schedule" not in contender.space else set()
    return {
        name: value
        for name, value in contender.settings.items()
        if name not in contender.space.keys() | idle
    }


def batch_sizes(spec: ComparisonSpec, catalogue: Catalogue) -> dict[str, int]:
    """Rows of a mini-batch on each problem."""
    entries = {name: catalogue.problem(name) for name in spec.problems}
    return {
        name: spec.batch_size or entry.batch_size
        for name, entry in entries.items()
        if entry is not None
    }


def losses_digest(points: Sequence[MetricPoint]) -> str:
    """SHA-256 of the losses after every epoch; two runs have it in common bit for bit alone."""
    losses = [
        (point.epoch, point.train_loss, point.validation_loss, point.test_loss) for point in points
    ]
    return hashlib.sha256(json.dumps(losses).encode()).hexdigest()


def losses_of(trial: TrialResult) -> str | None:
    """The digest of a trial that measured something; None where it was lost or cancelled."""
    return losses_digest(trial.points) if counts(trial) and trial.points else None


def _trial(
    trial: TrialResult,
    spec: ComparisonSpec,
    catalogue: Catalogue,
    places: Mapping[Environment, int],
) -> CapsuleTrial:
    metric = deciding_metric(spec, trial.problem, catalogue)
    return CapsuleTrial(
        kind=trial.kind,
        problem=trial.problem,
        contender=trial.contender,
        point=trial.point,
        seed=trial.seed,
        state=trial.state,
        epochs=trial.points[-1].epoch if trial.points else 0,
        losses=losses_of(trial),
        final_loss=final_loss(trial, metric),
        environment=None if trial.environment is None else places[trial.environment],
    )
