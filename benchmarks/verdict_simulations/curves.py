"""Curves of contenders without a difference, and the verdict by a target that follows from them."""

import numpy as np

from benchmarks.verdict_simulations.verdicts import BASELINE, names
from service.contracts.events import MetricPoint
from service.contracts.metrics import Metric
from service.contracts.spec import Outcome
from service.domain.scoring.pairs import compare
from service.domain.scoring.runs import Run
from service.domain.scoring.targets import relative_target
from service.domain.scoring.verdict import Verdict, decide

EPOCHS = 6
_PACE, _OWN, _SEED, _WOBBLE = 0.3, 0.2, 0.3, 0.02


def relative_verdict(generator: np.random.Generator, *, contenders: int, seeds: int) -> Verdict:
    """The verdict on epochs to the relative target, on losses that fall at a pace of their own."""
    shared = _SEED * generator.normal(size=(1, seeds))
    pace = _PACE * np.exp(shared + _OWN * generator.normal(size=(contenders, seeds)))
    wobble = _WOBBLE * generator.normal(size=(contenders, seeds, EPOCHS + 1))
    losses = 100 * np.exp(-pace[..., np.newaxis] * np.arange(EPOCHS + 1) + wobble)
    runs = {
        name: tuple(_run(seed, curve) for seed, curve in enumerate(own))
        for name, own in zip(names(contenders), losses.tolist(), strict=True)
    }
    target = relative_target([run.best_loss for run in own] for own in runs.values())
    pairs = compare(runs, Outcome.EPOCHS, target=target, baseline=BASELINE, seed=0)
    return decide(pairs, tuple(runs), BASELINE)


def _run(seed: int, losses: list[float]) -> Run:
    points = tuple(
        MetricPoint.model_construct(epoch=epoch, train_loss=loss)
        for epoch, loss in enumerate(losses)
    )
    return Run(seed=seed, finished=True, points=points, metric=Metric.TRAIN_LOSS)
