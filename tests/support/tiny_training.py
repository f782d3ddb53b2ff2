"""A small real problem and plans for it, so that a whole training run takes milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from service.contracts.base import SettingValue
from service.contracts.catalogue import built_in
from service.contracts.events import Event, MetricPoint, TrialPoint
from service.contracts.plan import TrialAssignment
from workers.context import TrialPlan
from workers.loop import RunSettings, TrainingRun
from workers.problems import Problem, Split, Splits
from workers.ranks import ALONE, Ranks

OPTIMIZERS = tuple(entry.name for entry in built_in().optimizers)
GOOD_SETTINGS: Mapping[str, Mapping[str, SettingValue]] = {
    "kbfgs": {"lr": 0.3, "damping": 0.3},
    "kbfgs-l": {"lr": 0.3, "damping": 0.3, "memory": 4},
    "kfac": {"lr": 0.3, "damping": 1.0, "inverse_every": 2},
    "adam": {"lr": 0.01},
    "adam-paper": {"lr": 0.01},
    "adamw": {"lr": 0.01},
    "nadamw": {"lr": 0.01},
    "rmsprop": {"lr": 0.01},
    "rmsprop-paper": {"lr": 0.01},
    "sgd": {"lr": 0.01},
    "sgd-paper": {"lr": 0.1},
    "lbfgs": {"lr": 1.0, "max_iter": 4},
    "muon": {"lr": 0.02},
    "soap": {"lr": 0.01, "precondition_frequency": 2},
    "shampoo": {"lr": 0.01, "preconditioning_compute_steps": 2},
}


class TinyAutoencoder:
    """12-6-12 with dropout, so that resuming has a random generator to get right."""

    name = "tiny"

    def __init__(self, *, dropout: float = 0.0) -> None:
        self._dropout = dropout

    def build_model(self) -> nn.Module:
        return nn.Sequential(
            nn.Linear(12, 6), nn.ReLU(), nn.Dropout(self._dropout), nn.Linear(6, 12)
        )

    def load(self, device: torch.device) -> Splits:
        generator = torch.Generator().manual_seed(7)
        codes = torch.randn(60, 3, generator=generator)
        rows = (codes @ torch.randn(3, 12, generator=generator)).to(device)
        return Splits(train=Split(rows[:50], rows[:50]), test=Split(rows[50:], rows[50:]))

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return 0.5 * (outputs - targets).square().sum() / targets.shape[0]

    def sample_targets(self, outputs: Tensor) -> Tensor:
        return outputs.detach() + torch.randn_like(outputs)


class TinyClassifier:
    """Three classes of 4-vectors: 40 rows to train, 15 to validate and 10 to test on."""

    name = "tiny-classes"

    def build_model(self) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))

    def load(self, device: torch.device) -> Splits:
        generator = torch.Generator().manual_seed(7)
        rows = torch.randn(65, 4, generator=generator).to(device)
        classes = rows[:, :3].argmax(dim=1)
        cut = zip(rows.split([40, 15, 10]), classes.split([40, 15, 10]), strict=True)
        train, validation, test = (Split(*part) for part in cut)
        return Splits(train=train, validation=validation, test=test)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs, targets)

    def correct(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs.argmax(dim=1) == targets).sum()

    def sample_targets(self, outputs: Tensor) -> Tensor:
        return torch.multinomial(outputs.detach().softmax(dim=1), 1)[:, 0]


def tiny(name: str) -> Problem:
    """The problem of a :class:`Trial` under test, whatever the plan calls it."""
    return TinyAutoencoder()


def settings_of(optimizer: str, **changed: SettingValue) -> dict[str, SettingValue]:
    """Every setting of a catalogue's optimizer, with values that train the tiny problem."""
    entry = built_in().optimizer(optimizer)
    assert entry is not None
    defaults = {setting.name: setting.default for setting in entry.settings}
    return {**defaults, **GOOD_SETTINGS[optimizer], **changed}


def trial_plan(
    optimizer: str = "adam",
    *,
    epochs: int = 3,
    seed: int = 1,
    trial_id: str = "c-t0",
    problem: str = "tiny",
    batch_size: int = 20,
    divergence_loss: float = 1e4,
    **changed: SettingValue,
) -> TrialPlan:
    """A trial on the tiny problem; 50 rows in batches of 20, so the last batch is smaller."""
    return TrialPlan(
        comparison_id="c",
        problem=problem,
        batch_size=batch_size,
        epochs=epochs,
        divergence_loss=divergence_loss,
        threads=1,
        use_gpu=False,
        trial=TrialAssignment(
            trial_id=trial_id,
            contender=optimizer,
            optimizer=optimizer,
            settings=settings_of(optimizer, **changed),
            seed=seed,
        ),
    )


def run_of(
    optimizer: str = "adam",
    *,
    seed: int = 1,
    problem: Problem | None = None,
    epochs: int = 2,
    bound: float = 1e4,
    cancelled: Callable[[], bool] = lambda: False,
    ranks: Ranks = ALONE,
    **changed: SettingValue,
) -> TrainingRun:
    """A run on the tiny problem or another one, in batches of 20."""
    run = RunSettings(
        optimizer=optimizer,
        settings=settings_of(optimizer, **changed),
        seed=seed,
        batch_size=20,
        epochs=epochs,
        divergence_loss=bound,
        device=torch.device("cpu"),
    )
    return TrainingRun(problem or TinyAutoencoder(), run, cancelled=cancelled, ranks=ranks)


def points_of(events: Iterable[Event]) -> list[MetricPoint]:
    """The points among events, in their order."""
    return [event.point for event in events if isinstance(event, TrialPoint)]


def losses_of(events: Iterable[Event]) -> list[tuple[float | None, float | None]]:
    """Training and test loss of the points among events."""
    return [(point.train_loss, point.test_loss) for point in points_of(events)]
