"""The honest clock: time inside optimization steps alone, beside the time since the start."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class ClockReading:
    """What the clock shows, in seconds."""

    training: float = 0.0
    """Inside optimization steps, warm start included, by a monotonic clock."""
    process: float = 0.0
    """CPU seconds of this process inside optimization steps, over all of its threads."""
    elapsed: float = 0.0
    """Since the trial began, evaluation and checkpoints included."""


class TrainingClock:
    """Runs while the optimizer works and stands still while anything else is done.

    Args:
        synchronize: Waits until the device has done what it was given.
        start: Where it goes on from, when a trial resumes.
    """

    def __init__(
        self, synchronize: Callable[[], None], *, start: ClockReading = ClockReading()
    ) -> None:
        self._synchronize = synchronize
        self._training = start.training
        self._process = start.process
        self._began = time.monotonic() - start.elapsed

    @contextmanager
    def running(self) -> Iterator[None]:
        """Inside, the clock runs; also when the block raises."""
        self._synchronize()
        wall, process = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self._synchronize()
            self._training += time.perf_counter() - wall
            self._process += time.process_time() - process

    def read(self) -> ClockReading:
        """What it shows now."""
        return ClockReading(self._training, self._process, time.monotonic() - self._began)


def synchronizer(device: torch.device) -> Callable[[], None]:
    """What waits for this device; on the CPU there is nothing to wait for."""
    if device.type == "cuda":
        return lambda: torch.cuda.synchronize(device)
    return lambda: None
