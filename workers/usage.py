"""Adds up what a run takes beside its time: seconds by phase, bytes sent, peak memory."""

from collections.abc import Mapping

import torch
from torch import nn

from kbfgs.phases import PhaseClock
from service.contracts.usage import Phase, Usage
from workers.memory import PeakMemory, Peaks
from workers.optimizers import TellsPhases
from workers.ranks.base import Ranks


class UsageMeter:
    """What one rank's run took so far; read between steps, so that it costs none of their time.

    Args:
        optimizer: Whose steps they are; one that does not tell its phases has its passes timed,
            and the rest of its steps is its update.
        model: What it trains; with several ranks, under DDP.
        memory: What the run takes from its start on.

    Attributes:
        clock: Times the passes and the update of a step, or the warm start.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, model: nn.Module, *, memory: PeakMemory
    ) -> None:
        # Asked once, as it takes longer than adding a step.
        self._telling = optimizer if isinstance(optimizer, TellsPhases) else None
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        self._reduced_bytes = sum(weight.nbytes for weight in weights)
        self.clock = PhaseClock.on(weights[0].device)
        self._memory = memory
        self._seconds: dict[Phase, float] = {}
        self._gradient_bytes = self._curvature_bytes = 0
        self._peaks = Peaks()

    def resume(self, before: Usage) -> None:
        """Go on from what was taken before."""
        self._seconds = dict(before.phases)
        self._gradient_bytes = before.gradient_bytes
        self._curvature_bytes = before.curvature_bytes
        self._peaks = Peaks(before.peak_memory_bytes or 0, before.peak_device_memory_bytes or 0)

    def add_warm_start(self, reductions: int) -> None:
        """Note the warm start that ended.

        Args:
            reductions: How often the gradients of all weights were summed over the ranks.
        """
        self._add({Phase(name): value for name, value in self.clock.seconds().items()}, reductions)

    def add_step(self, reductions: int) -> None:
        """Note the step that ended; arguments as those of :meth:`add_warm_start`."""
        if self._telling is None:
            self.add_warm_start(reductions)
        else:
            self._add(self._telling.phases(), reductions)

    def note_memory(self, ranks: Ranks) -> None:
        """Note the most memory that any rank took; a collective."""
        every = [Peaks(*map(int, one)) for one in ranks.gather(self._memory.read())]
        self._peaks = self._peaks.or_more(*every)

    def read(self) -> Usage:
        """All so far."""
        peaks = self._peaks.or_more(self._memory.read())
        return Usage(
            phases=self._seconds,
            gradient_bytes=self._gradient_bytes,
            curvature_bytes=self._curvature_bytes,
            peak_memory_bytes=peaks.process or None,
            peak_device_memory_bytes=peaks.device or None,
        )

    def _add(self, seconds: Mapping[Phase, float], reductions: int) -> None:
        for phase, value in seconds.items():
            self._seconds[phase] = self._seconds.get(phase, 0.0) + value
        self._gradient_bytes += reductions * self._reduced_bytes
        if self._telling is not None:
            self._curvature_bytes += self._telling.bytes_sent
        self.clock.reset()
