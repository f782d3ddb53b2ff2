"""The time of a step by phase: the seconds, and the clock behind them."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Protocol

import torch


@dataclass(frozen=True)
class PhaseSeconds:
    """Seconds of each phase of the last step, wall-clock on a CPU and the device's own on CUDA.

    The exchange holds the messages for curvature, waiting for other ranks included; gradients
    travel under DDP during the first pass.
    """

    first_pass: float = 0.0
    exchange: float = 0.0
    input_factors: float = 0.0
    direction: float = 0.0
    second_pass: float = 0.0
    curvature: float = 0.0

    @property
    def total(self) -> float:
        """Their sum."""
        return sum(float(getattr(self, field.name)) for field in fields(self))


class Timer(Protocol):
    """Takes moments without waiting, and tells later what lay between them."""

    def stamp(self) -> Any:
        """This moment."""
        ...

    def between(self, first: Any, last: Any) -> float:
        """Seconds from one moment to another."""
        ...


class _HostTimer:
    def stamp(self) -> float:
        return time.perf_counter()

    def between(self, first: float, last: float) -> float:
        return last - first


class _DeviceTimer:
    """Puts marks in the device's queue, so that no step waits for the device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def stamp(self) -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self._device))
        return event

    def between(self, first: torch.cuda.Event, last: torch.cuda.Event) -> float:
        last.synchronize()
        milliseconds: float = first.elapsed_time(last)
        return milliseconds / 1e3


class PhaseClock:
    """Adds up seconds by phase; inside a phase that is inside another one, the inner one's run.

    Args:
        timer: What it measures by; the host's clock by default.
    """

    def __init__(self, timer: Timer | None = None) -> None:
        self._timer = timer or _HostTimer()
        self._marks: list[tuple[Any, str | None]] = []
        self._running: str | None = None

    @classmethod
    def on(cls, device: torch.device) -> PhaseClock:
        """A clock for work that is done there."""
        return cls(_DeviceTimer(device) if device.type == "cuda" else _HostTimer())

    def reset(self) -> None:
        """Forget all seconds; between two phases."""
        self._marks = []

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Time a block."""
        return _Block(self, name)

    def seconds(self) -> dict[str, float]:
        """The seconds of each phase since the last `reset`; waits for a device's last mark."""
        seconds: dict[str, float] = {}
        for (began, name), (ended, _) in pairwise(self._marks):
            if name is not None:
                seconds[name] = seconds.get(name, 0.0) + self._timer.between(began, ended)
        return seconds

    def _turn_to(self, name: str | None) -> str | None:
        """Let the seconds from now on be those of another phase; the one until now."""
        before, self._running = self._running, name
        self._marks.append((self._timer.stamp(), name))
        return before


class _Block(AbstractContextManager[None]):
    """A block that is timed; a generator in its place would cost small steps a percent."""

    __slots__ = ("_clock", "_name", "_outer")

    def __init__(self, clock: PhaseClock, name: str) -> None:
        self._clock, self._name = clock, name
        self._outer: str | None = None

    def __enter__(self) -> None:
        self._outer = self._clock._turn_to(self._name)

    def __exit__(self, *_: object) -> None:
        self._clock._turn_to(self._outer)
