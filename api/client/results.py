"""The commands ``studies``, ``trials``, ``metrics``, ``events``: what a comparison is made of."""

import argparse
import sys
from collections.abc import Iterator, Sequence

from api.client.client import Client
from api.client.commands import FINISHED, Add, print_json
from api.client.following import entries
from api.client.tables import console, plain_table, studies_table
from service.contracts import numbers
from service.contracts.states import StudyKind
from service.contracts.text import harmless
from service.contracts.views import ChangeEvent, Series


def add_commands(every: "argparse._SubParsersAction[argparse.ArgumentParser]", add: Add) -> None:
    """Add the commands to those of the client."""
    _with_id(add(every, "studies", show_studies, "a comparison's studies: its searches and finals"))
    trials = add(every, "trials", show_trials, "a comparison's trials with their settings")
    metrics = add(every, "metrics", show_metrics, "a comparison's curves; --json has every point")
    for parser in (trials, metrics):
        _with_id(parser)
        parser.add_argument("--kind", choices=[kind.value for kind in StudyKind])
        parser.add_argument("--contender", metavar="NAME", help="of one contender alone")
    metrics.add_argument("--trial", metavar="TRIAL", action="append", help="of these trials alone")
    metrics.add_argument("--points", metavar="N", type=int, help="of each curve at most")
    events = add(every, "events", show_events, "what changed in a comparison, when and by whom")
    _with_id(events)
    events.add_argument("--follow", action="store_true", help="go on until it has ended")


def _with_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the comparison's id")


def show_studies(client: Client, options: argparse.Namespace) -> int:
    """Every study, one a line."""
    studies = client.studies(options.id)
    if options.json:
        return print_json(studies)
    console().print(studies_table(studies))
    return FINISHED


def show_trials(client: Client, options: argparse.Namespace) -> int:
    """Every trial, one a line."""
    trials = client.trials(options.id, kind=_kind(options), contender=options.contender)
    if options.json:
        return print_json(trials)
    table = plain_table(
        "trial", "kind", "problem", "contender", "point", "seed", "state", "epochs", "best loss",
        "training", "why",
    )  # fmt: skip
    for trial in trials:
        table.add_row(
            trial.id,
            trial.kind,
            trial.problem,
            trial.contender,
            numbers.settings(trial.point),
            str(trial.seed),
            trial.state,
            str(trial.epochs_done),
            numbers.loss(trial.best_loss),
            numbers.duration(trial.training_seconds),
            trial.message,
        )
    console().print(table)
    return FINISHED


def show_metrics(client: Client, options: argparse.Namespace) -> int:
    """Every curve as JSON; as a table where each stands now."""
    curves = client.metrics(
        options.id,
        kind=_kind(options),
        contender=options.contender,
        trials=options.trial or (),
        points=options.points,
    )
    if options.json:
        return print_json(curves)
    table = plain_table(
        "trial", "kind", "contender", "state", "epoch", "training", "training loss",
        "validation loss", "test loss",
    )  # fmt: skip
    for curve in curves:
        table.add_row(*_standing(curve))
    console().print(table)
    return FINISHED


def _standing(curve: Series) -> tuple[str, ...]:
    """The last point of a curve."""
    seconds = curve.training_seconds[-1] if curve.training_seconds else None
    losses = (curve.train_loss, curve.validation_loss, curve.test_loss)
    return (
        curve.trial_id,
        curve.kind,
        curve.contender,
        curve.state,
        str(curve.epoch[-1]) if curve.epoch else "",
        numbers.duration(seconds),
        *(numbers.loss(loss[-1] if loss else None) for loss in losses),
    )


def _kind(options: argparse.Namespace) -> StudyKind | None:
    return None if options.kind is None else StudyKind(options.kind)


def show_events(client: Client, options: argparse.Namespace) -> int:
    """Every change, one a line as it comes; with ``--json`` a document a line."""
    for change in _changes(client, options.id, follow=options.follow):
        line = change.model_dump_json() if options.json else harmless(_line(change))
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    return FINISHED


def _changes(client: Client, comparison_id: str, *, follow: bool) -> Iterator[ChangeEvent]:
    def read(last: int) -> tuple[Sequence[ChangeEvent], int]:
        found = client.changes(comparison_id, after=last)
        return found, found[-1].number if found else last

    return entries(client, comparison_id, read, follow=follow)


def _line(change: ChangeEvent) -> str:
    """``2026-01-02 03:04:05  trial kq3-t0: queued → running by driver``, and why."""
    before = f"{change.before} → " if change.before not in (None, change.after) else ""
    reason = f": {change.reason}" if change.reason else ""
    return (
        f"{change.at:%Y-%m-%d %H:%M:%S}  {change.subject} {change.subject_id}: "
        f"{before}{change.after} by {change.actor}{reason}"
    )
