"""A comparison as an MLflow experiment: a run for each trial that measured anything.

Repeated, it adds what is new: each run's tags say up to which epoch it was written.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from pydantic import BaseModel

from api.client.client import Client
from api.client.mlflow import (
    MOST_METRICS,
    MOST_PARAMS,
    MOST_TAG_CHARACTERS,
    Metric,
    MlflowServer,
)
from service.contracts.base import SettingValue
from service.contracts.metrics import Metric as Measured
from service.contracts.states import ENDED_TRIALS, TrialState
from service.contracts.views import ComparisonView, Series, TrialView

COMPARISON, TRIAL, EPOCH = "kbfgs.comparison_id", "kbfgs.trial_id", "kbfgs.exported_epoch"
"""Tags by which an experiment, a run and what it has already are found again."""
STATE = "kbfgs.state"
_NOTE = "mlflow.note.content"
"""What MLflow shows above an experiment's runs."""
_NOTHING_YET = -1
_TRIALS_AT_ONCE = 50
_POINTS_AT_ONCE = 20_000
_STATUS = {
    TrialState.QUEUED: "SCHEDULED",
    TrialState.RUNNING: "RUNNING",
    TrialState.PAUSED: "SCHEDULED",
    TrialState.FINISHED: "FINISHED",
    TrialState.STOPPED: "FINISHED",
    TrialState.DIVERGED: "FAILED",
    TrialState.FAILED: "FAILED",
    TrialState.CANCELLED: "KILLED",
}


class Exported(BaseModel):
    """What an export did."""

    experiment_id: str
    url: str
    """Where the experiment is shown."""
    runs: int
    """Of the comparison, in MLflow now."""
    new_runs: int
    points: int
    """That this export added."""


class _Run(BaseModel):
    """A run that is there."""

    id: str
    epoch: int
    """The last that it has."""
    state: str


def export(client: Client, comparison_id: str, server: MlflowServer) -> Exported:
    """Write what the server does not have yet of a comparison.

    Args:
        client: Of the service.
        comparison_id: The comparison.
        server: Where to write.
    """
    view = client.get(comparison_id)
    experiment = _experiment(server, view)
    known = {
        tags[TRIAL]: _Run(
            id=run, epoch=int(tags.get(EPOCH, _NOTHING_YET)), state=tags.get(STATE, "")
        )
        for run, tags in server.runs(experiment)
        if TRIAL in tags
    }
    before, points = len(known), 0
    for trials in _parts([one for one in client.trials(comparison_id) if not _has(known, one)]):
        ids = [trial.id for trial in trials]
        curves = {one.trial_id: one for one in client.metrics(comparison_id, trials=ids)}
        for trial in trials:
            if curve := curves.get(trial.id):
                run = known.get(trial.id) or _new_run(server, experiment, trial)
                known[trial.id] = run
                points += _write(server, run, trial, curve)
    return Exported(
        experiment_id=experiment,
        url=f"{server.url}/#/experiments/{experiment}",
        runs=len(known),
        new_runs=len(known) - before,
        points=points,
    )


def _experiment(server: MlflowServer, view: ComparisonView) -> str:
    """The comparison's experiment, found by its tag whatever it is called by now."""
    found = server.experiment_with(COMPARISON, view.id)
    experiment = found or server.create_experiment(
        f"{view.name} ({view.id})", {COMPARISON: view.id}
    )
    if view.verdict:
        server.tag_experiment(experiment, _NOTE, view.verdict)
    return experiment


def _has(known: dict[str, _Run], trial: TrialView) -> bool:
    """Whether the server has all of a trial; one that measured nothing has nothing to write."""
    run = known.get(trial.id)
    if run is None:
        return trial.training_seconds is None
    return (run.epoch, run.state) == (trial.epochs_done, trial.state)


def _parts(trials: Sequence[TrialView]) -> Iterator[list[TrialView]]:
    """The trials in parts whose curves are few, or one trial's."""
    part: list[TrialView] = []
    points = 0
    for trial in trials:
        full = len(part) == _TRIALS_AT_ONCE or points + trial.epochs_done > _POINTS_AT_ONCE
        if part and full:
            yield part
            part, points = [], 0
        part.append(trial)
        points += trial.epochs_done + 1
    if part:
        yield part


def _new_run(server: MlflowServer, experiment: str, trial: TrialView) -> _Run:
    name = f"{trial.contender} {trial.kind} {trial.id.rpartition('-')[2]}"
    tags = {
        TRIAL: trial.id,
        "kbfgs.kind": trial.kind.value,
        "kbfgs.problem": trial.problem,
        "kbfgs.contender": trial.contender,
        "kbfgs.optimizer": trial.optimizer,
        "kbfgs.seed": str(trial.seed),
    }
    run = server.create_run(experiment, name, _milliseconds(trial.started_at), tags)
    return _Run(id=run, epoch=_NOTHING_YET, state="")


def _write(server: MlflowServer, run: _Run, trial: TrialView, curve: Series) -> int:
    """Bring a run up to date; how many points it has gained."""
    if run.epoch == _NOTHING_YET:
        for params in _params(trial):
            server.log(run.id, params=params)
    new = [place for place, epoch in enumerate(curve.epoch) if epoch > run.epoch]
    for places, metrics in _batches(trial, curve, new):
        server.log(run.id, metrics=metrics, tags={EPOCH: str(curve.epoch[places[-1]])})
    ended = _milliseconds(trial.ended_at) if trial.state in ENDED_TRIALS else None
    server.set_status(run.id, _STATUS[trial.state], ended)
    server.log(run.id, tags=_words(trial))  # last, for it says that the rest is there
    return len(new)


def _words(trial: TrialView) -> dict[str, str]:
    """How a trial stands."""
    every = {
        STATE: trial.state.value,
        "kbfgs.failure": trial.failure or "",
        "kbfgs.message": trial.message[:MOST_TAG_CHARACTERS],
    }
    return {key: value for key, value in every.items() if value}


def _params(trial: TrialView) -> Iterator[dict[str, str]]:
    """Every setting, as many at once as a batch takes."""
    every = {"optimizer": trial.optimizer, "seed": str(trial.seed)}
    every |= {name: _param(value) for name, value in trial.settings.items()}
    items = list(every.items())
    for first in range(0, len(items), MOST_PARAMS):
        yield dict(items[first : first + MOST_PARAMS])


def _param(value: SettingValue) -> str:
    """A number with all of its digits; ``true``; ``[0.9, 0.999]``."""
    return value if isinstance(value, str) else json.dumps(value)


def _batches(
    trial: TrialView, curve: Series, places: Sequence[int]
) -> Iterator[tuple[list[int], list[Metric]]]:
    """Points with their metrics, as many as a batch takes; none is in two."""
    most = MOST_METRICS - 1  # a tag counts too
    began = _milliseconds(trial.started_at)
    held: list[int] = []
    metrics: list[Metric] = []
    for place in places:
        own = list(_metrics(curve, place, began))
        if len(metrics) + len(own) > most:
            yield held, metrics
            held, metrics = [], []
        held.append(place)
        metrics += own
    if held:
        yield held, metrics


def _metrics(curve: Series, place: int, began: int) -> Iterator[Metric]:
    """What a point measured; a figure that is not finite, or was not measured, is left out."""
    figures: dict[str, float | None] = {
        "epoch": curve.epoch[place],
        "training_seconds": curve.training_seconds[place],
        "elapsed_seconds": curve.elapsed_seconds[place],
    }
    for measured in Measured:
        values = getattr(curve, measured)
        figures[measured] = values[place] if values else None
    at = began + round(1000 * curve.elapsed_seconds[place])
    for key, value in figures.items():
        if value is not None:
            yield Metric(key=str(key), value=value, timestamp=at, step=curve.step[place])


def _milliseconds(moment: datetime | None) -> int:
    return 0 if moment is None else round(1000 * moment.timestamp())
