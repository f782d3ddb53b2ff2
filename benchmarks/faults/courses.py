"""The course of a comparison: what must be the same whether it was disturbed or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from api.client import Client
from service.contracts.base import SettingValue
from service.contracts.states import ENDED_COMPARISONS, ComparisonState, TrialState
from service.contracts.views import ComparisonView
from tests.support.running_service import wait_for

END_SECONDS = 600.0


@dataclass(frozen=True)
class Course:
    """What a comparison came to.

    Attributes:
        state: Where it ended.
        points: All settings and the seed of each trial, by its number. Those of the finals are
            what was selected.
        states: Where each trial ended.
        epochs: The epochs of each trial that are stored.
        losses: Its training losses.
        attempts: The most attempts that a study took.
        log: What its drivers and trials printed.
    """

    state: ComparisonState
    points: Mapping[str, tuple[Mapping[str, SettingValue], int]]
    states: Mapping[str, TrialState]
    epochs: Mapping[str, tuple[int, ...]]
    losses: Mapping[str, tuple[float | None, ...]]
    attempts: int
    log: str

    def faults(self, undisturbed: Course, *, epochs: int) -> tuple[str, ...]:
        """What is not as it should be, in words; nothing where all is well."""
        whole = tuple(range(epochs + 1))
        found = (
            ("it did not finish", self.state is not ComparisonState.FINISHED),
            ("points differ", self.points != undisturbed.points),
            ("trials ended otherwise", self.states != undisturbed.states),
            ("epochs are missing", any(each != whole for each in self.epochs.values())),
            ("losses differ", self.losses != undisturbed.losses),
        )
        return tuple(words for words, true in found if true)


def course(client: Client, comparison: ComparisonView) -> Course:
    """The course of a comparison, once it ended."""
    wait_for(lambda: client.get(comparison.id).state in ENDED_COMPARISONS, END_SECONDS, "its end")
    trials = client.trials(comparison.id)
    numbers = {trial.id: trial.id.removeprefix(f"{comparison.id}-") for trial in trials}
    curves = client.metrics(comparison.id)
    return Course(
        state=client.get(comparison.id).state,
        points={numbers[trial.id]: (trial.settings, trial.seed) for trial in trials},
        states={numbers[trial.id]: trial.state for trial in trials},
        epochs={numbers[curve.trial_id]: curve.epoch for curve in curves},
        losses={numbers[curve.trial_id]: curve.train_loss for curve in curves},
        attempts=max(study.attempt for study in client.studies(comparison.id)),
        log="".join(_log(client, comparison.id)),
    )


def _log(client: Client, comparison_id: str) -> Iterator[str]:
    page = client.logs(comparison_id)
    while page.items:
        yield page.text
        page = client.logs(comparison_id, after=page.last)


def epochs_done(client: Client, comparison: ComparisonView) -> int:
    """Epochs that all trials of a comparison have trained so far."""
    return sum(contender.epochs_done for contender in client.get(comparison.id).contenders)
