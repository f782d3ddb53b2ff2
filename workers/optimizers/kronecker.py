"""K-BFGS and K-FAC of the kbfgs library, stepping on mini-batches."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from kbfgs import KBFGS, KFAC, PhaseSeconds, curvature_rows
from service.contracts.usage import Phase
from workers.minibatch import MiniBatch
from workers.optimizers.base import Settings, without

_PHASES = {
    "first_pass": Phase.FIRST_PASS,
    "exchange": Phase.COMMUNICATION,
    "input_factors": Phase.STATISTICS,
    "direction": Phase.PRECONDITIONING,
    "second_pass": Phase.SECOND_PASS,
    "curvature": Phase.FACTOR_UPDATE,
}
"""The fields of the library's :class:`PhaseSeconds`."""


class KBFGSOnBatches(KBFGS):
    """K-BFGS; with ``curvature_fraction`` < 1 its curvature sees the first rows alone."""

    def step_on(self, batch: MiniBatch) -> Tensor:
        """One step: all rows twice, or all rows once and the first ⌈f B⌉ of them as needed."""
        fraction = self.config.curvature_fraction
        if fraction == 1:
            return self.step(batch.backward)
        rows = curvature_rows(fraction, len(batch))
        return self.step(batch.backward, partial(batch.backward, first=rows))

    def warm_start_on(self, batches: Sequence[MiniBatch]) -> None:
        """A is the mean of ā āᵀ over all rows."""
        with self.warm_start():
            for batch in batches:
                batch.forward()

    def phases(self) -> Mapping[Phase, float]:
        """Seconds of the last step."""
        return _by_phase(self.phase_seconds)


class KFACOnBatches(KFAC):
    """K-FAC with the Fisher information on targets drawn from the model's own distribution."""

    def step_on(self, batch: MiniBatch) -> Tensor:
        """One step: one forward, differentiated once for the loss and once for sampled targets."""
        return self.step(partial(batch.backward, keep_graph=True), batch.sampled_loss)

    def warm_start_on(self, batches: Sequence[MiniBatch]) -> None:
        """A is the mean of ā āᵀ over all rows, and G that of g gᵀ for sampled targets."""

        def fisher_loss(outputs: Tensor) -> Tensor:
            return batch.sampled_loss(outputs)

        with self.warm_start(fisher_loss):
            for batch in batches:
                batch.forward()

    def phases(self) -> Mapping[Phase, float]:
        """Seconds of the last step."""
        return _by_phase(self.phase_seconds)


def kbfgs(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """K-BFGS, or K-BFGS(L) with ``memory``; without ``safeguard`` it is the paper's exactly."""
    return KBFGSOnBatches(model, **_keywords(settings))  # type: ignore[arg-type]


def kfac(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """K-FAC; without ``safeguard`` no step is capped."""
    return KFACOnBatches(model, **_keywords(settings))  # type: ignore[arg-type]


def _by_phase(seconds: PhaseSeconds) -> dict[Phase, float]:
    return {phase: spent for name, phase in _PHASES.items() if (spent := getattr(seconds, name))}


def _keywords(settings: Settings) -> dict[str, object]:
    """The library's keywords: ``safeguard`` is its default or None, the warm start the loop's.

    Where ranks have different numbers of rows, the mini-batches weight their losses.
    """
    keywords: dict[str, object] = {**without(settings, "safeguard", "warm_start")}
    keywords["row_weighting"] = "loss"
    if not settings["safeguard"]:
        keywords["safeguard"] = None
    return keywords
