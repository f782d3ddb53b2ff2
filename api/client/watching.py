"""Follows a comparison to its end: bars on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from api.client.client import Client
from api.client.errors import Unreachable
from service.contracts import numbers
from service.contracts.states import (
    ENDED_COMPARISONS,
    ENDED_STUDIES,
    ComparisonState,
    StudyKind,
)
from service.contracts.views import ComparisonView, ContenderProgress, StudyView

POLL_SECONDS = 1.0
LINE_SECONDS = 5.0
UNCHANGED_SECONDS = 60.0
LONGEST_ABSENCE_SECONDS = 600.0
SHORTEST_LEFT_SECONDS = 10


class Display(Protocol):
    """Shows how far a comparison is."""

    def show(self, view: ComparisonView, phase: str) -> None:
        """Show where it stands now."""
        ...

    def away(self, reason: str) -> None:
        """Say that the service does not answer for the moment."""
        ...


def watch(
    client: Client,
    comparison_id: str,
    display: Display,
    *,
    poll_seconds: float = POLL_SECONDS,
    longest_absence: float = LONGEST_ABSENCE_SECONDS,
) -> ComparisonView:
    """Follow a comparison until it has ended; a service that is away is waited for.

    Raises:
        Unreachable: Where the service stays away for longer than ``longest_absence`` seconds.
    """
    heard = time.monotonic()
    while True:
        try:
            view = client.get(comparison_id)
            display.show(view, phase(view, client.studies(comparison_id)))
            heard = time.monotonic()
            if view.state in ENDED_COMPARISONS:
                return view
        except Unreachable as error:
            if time.monotonic() - heard > longest_absence:
                raise
            display.away(str(error))
        time.sleep(poll_seconds)


def phase(view: ComparisonView, studies: tuple[StudyView, ...]) -> str:
    """What a comparison is busy with, in a word or two."""
    if view.state is not ComparisonState.RUNNING:
        return view.state.value
    live = {study.kind for study in studies if study.state not in ENDED_STUDIES}
    match (StudyKind.TUNING in live, StudyKind.FINALS in live):
        case (True, True):
            return "tuning and finals"
        case (True, False):
            return "tuning"
        case (False, True):
            return "finals"
        case _:
            return "scoring"


def display_on(console: Console) -> AbstractContextManager[Display]:
    """The display that fits where the console writes."""
    return Bars(console) if console.is_terminal else Lines(console)


class Bars:
    """A bar for each contender, on a terminal."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %", markup=False),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            auto_refresh=False,
        )
        self._tasks: list[TaskID] = []

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
        self._progress.console.print()

    def show(self, view: ComparisonView, phase: str) -> None:
        """Move the bars: the whole first, then each contender."""
        done = sum(entry.epochs_done for entry in view.contenders)
        planned = sum(entry.epochs for entry in view.contenders)
        self._move(0, phase, done, planned, _left(view))
        for row, entry in enumerate(view.contenders, start=1):
            note = f"{entry.epochs_done:,}/{entry.epochs:,} epochs, {_standing(entry)}"
            self._move(row, entry.name, entry.epochs_done, entry.epochs, note)
        self._progress.refresh()

    def away(self, reason: str) -> None:
        """Say it beside the first bar."""
        self._move(0, "waiting", None, None, f"trying again: {reason}")
        self._progress.refresh()

    def _move(self, row: int, name: str, done: int | None, planned: int | None, note: str) -> None:
        if len(self._tasks) <= row:
            self._tasks.append(
                self._progress.add_task(name, completed=done or 0, total=planned, note=note)
            )
            return
        self._progress.update(
            self._tasks[row], description=name, completed=done, total=planned, note=note
        )


class Lines:
    """A line when the phase changes and every few seconds where something moved, for logs."""

    def __init__(
        self,
        console: Console,
        *,
        every_seconds: float = LINE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._every_seconds = every_seconds
        self._clock = clock
        self._phase = ""
        self._line = ""
        self._said_at = -every_seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to end."""

    def show(self, view: ComparisonView, phase: str) -> None:
        """A line, where the last one is old or of another phase."""
        contenders = "; ".join(
            f"{entry.name} {entry.epochs_done}/{entry.epochs} {_standing(entry)}"
            for entry in view.contenders
        )
        standing = ", ".join(filter(None, (phase, f"{view.progress:.0%}", _left(view))))
        self._say(phase, f"{standing}: {contenders}")

    def away(self, reason: str) -> None:
        """A line, where the last one is old or the service was not away."""
        self._say("waiting", f"trying again: {reason}")

    def _say(self, phase: str, line: str) -> None:
        now = self._clock()
        pause = UNCHANGED_SECONDS if line == self._line else self._every_seconds
        if phase != self._phase or now - self._said_at >= pause:
            self._phase, self._line, self._said_at = phase, line, now
            self._console.print(line, soft_wrap=True)


def _left(view: ComparisonView) -> str:
    if view.state in ENDED_COMPARISONS:
        began, ended = view.started_at, view.ended_at
        return (
            f"took {numbers.duration((ended - began).total_seconds())}" if began and ended else ""
        )
    if view.state is ComparisonState.PAUSED:
        return ""
    if view.seconds_left is None:
        return "time left not known yet"
    if view.seconds_left < SHORTEST_LEFT_SECONDS:
        return f"less than {SHORTEST_LEFT_SECONDS} s left"
    return f"about {numbers.duration(view.seconds_left)} left"


def _standing(entry: ContenderProgress) -> str:
    trouble = [
        f"{count} {word}"
        for count, word in (
            (entry.stopped, "stopped early"),
            (entry.diverged, "diverged"),
            (entry.failed, "failed"),
            (entry.paused, "paused"),
        )
        if count
    ]
    trouble += ["cancelled"] if entry.cancelled else []
    best = f"best loss {numbers.loss(entry.best_loss)}"
    return ", ".join([best, *trouble])
