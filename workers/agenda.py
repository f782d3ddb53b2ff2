"""Which trial of a study begins next and which ones end early. Knows no cluster, no torch."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Literal

from service.contracts.events import (
    Event,
    StudyEnded,
    TrialEnded,
    TrialPoint,
    TrialProposed,
    TrialStarted,
)
from service.contracts.states import FailureKind
from workers.context import TrialPlan
from workers.halving import Halving
from workers.memory_limit import PASSED
from workers.proposals import Points
from workers.spending import Spending
from workers.storage import FAILED

LOST_WORKER_RESTARTS = 2
"""How often a trial whose process died goes on in another one without getting any farther."""
FIRST_PAUSE_SECONDS = 1.0
"""Before the first of these restarts; doubled before each further one."""
STORAGE_PAUSE_SECONDS = 20.0
"""The same where the storage failed: it is rarely back within seconds, and all trials need it."""
ENDED = 1
"""The number of the event that ends a trial; those of its later beginnings follow."""
OUT_OF_MEMORY_SIGNS = (PASSED, "low on memory", "memory usage threshold")
"""What is written of processes that were ended for memory, by themselves and by Ray."""

Tell = Callable[[Sequence[Event]], None]


class Agenda:
    """The trials of a study, from those that wait to those that have ended.

    Whoever runs the trials asks :meth:`begin` for the next one, hands every event to
    :meth:`heard`, and says of each trial that its process is done with it (:meth:`left`) or was
    lost (:meth:`lost`). Trials begin in their order, which a search that learns depends on. One
    whose process died is the next to begin, after a pause that doubles until it gets farther than
    it ever was; other failures are final.

    Args:
        trials: What to run.
        tell: Takes the events that count, in their order.
        halt: Lets a trial stop between two steps, wherever it trains.
        spending: The budget in worker-seconds, and what earlier attempts spent of it.
        points: Gives trials their points where the search learns.
        halving: Says which trials are not worth their remaining epochs.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        trials: Sequence[TrialPlan],
        *,
        tell: Tell,
        halt: Callable[[str], None],
        spending: Spending | None = None,
        points: Points | None = None,
        halving: Halving | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell, self._halt, self._clock = tell, halt, clock
        self._spending, self._points = spending or Spending(), points or Points()
        self._halving = halving or Halving()
        self._waiting = list(trials)
        self._not_before: dict[str, float] = {}
        self._running: dict[str, TrialPlan] = {}
        self._ended: set[str] = set()
        self._dying: dict[str, str] = {}
        self._lost: Counter[str] = Counter()
        self._lost_in_vain: Counter[str] = Counter()
        self._farthest: dict[str, int] = {}

    @property
    def is_over(self) -> bool:
        """Whether no trial waits or runs."""
        return not self._waiting and not self._running

    def has_ended(self, trial_id: str) -> bool:
        """Whether the trial's end was told, so that it will not begin again."""
        return trial_id in self._ended

    def begin(self) -> TrialPlan | None:
        """The next trial, which counts as running from now on; None where none may begin yet."""
        if self._spending.is_over:
            self._give_up_waiting()
        if not self._waiting or self.pause_seconds() > 0:
            return None
        plan = self._with_its_point(self._waiting.pop(0))
        self._running[plan.trial.trial_id] = plan
        return plan

    def _with_its_point(self, plan: TrialPlan) -> TrialPlan:
        """The plan; a point that it lacked is told of before the trial begins."""
        trial = plan.trial
        point = self._points.give(trial.trial_id)
        if point is None:
            return plan
        self._tell([TrialProposed(trial_id=trial.trial_id, at=datetime.now(UTC), point=point)])
        settings = {**trial.settings, **point}
        return plan.model_copy(update={"trial": trial.model_copy(update={"settings": settings})})

    def pause_seconds(self) -> float:
        """How long the next trial waits yet; no other begins in its place."""
        if not self._waiting:
            return 0.0
        first = self._not_before.get(self._waiting[0].trial.trial_id, 0.0)
        return max(first - self._clock(), 0.0)

    def heard(self, events: Sequence[Event]) -> None:
        """Take what a trial says, up to where it is stopped; then look at the budget.

        A point after which the trial ended by itself stops nothing: what diverged has diverged.
        """
        told: list[Event] = []
        for event, following in zip_longest(events, events[1:]):
            if not self._counts(event):
                continue
            self._note(event)
            told.append(self._numbered(event))
            if isinstance(event, TrialPoint):
                reason = self._halving.judge(event)
                if reason and not _ends(event, following):
                    told.append(self._end(event.trial_id, "stopped", reason))
        self._say(told)
        self.check()

    def check(self) -> None:
        """Stop what still runs once the budget is spent."""
        if self._spending.is_over:
            message = f"stopped: {self._budget} were spent"
            running = sorted(self._running.keys() - self._ended)
            self._say([self._end(trial_id, "stopped", message) for trial_id in running])

    def left(self, trial_id: str) -> None:
        """The trial's process is done with it: it ended, or somebody stopped it."""
        if trial_id in self._dying:
            self.lost(trial_id, self._dying.pop(trial_id))
            return
        self._running.pop(trial_id, None)
        self._spending.rest(trial_id)

    def lost(self, trial_id: str, report: str) -> None:
        """The trial's process died: let it begin again after a pause, or end it.

        Args:
            trial_id: The trial.
            report: What is known of its process.
        """
        plan = self._running.pop(trial_id)
        self._spending.rest(trial_id)
        if trial_id in self._ended:
            return
        failure = _failure(report)
        self._lost[trial_id] += 1
        self._lost_in_vain[trial_id] += 1
        in_vain = self._lost_in_vain[trial_id]
        if failure is FailureKind.LOST_WORKER and in_vain <= LOST_WORKER_RESTARTS:
            first = STORAGE_PAUSE_SECONDS if FAILED in report else FIRST_PAUSE_SECONDS
            pause = first * 2 ** (in_vain - 1)
            self._not_before[trial_id] = self._clock() + pause
            self._waiting.insert(0, plan)
            return
        self._say([self._end(trial_id, "failed", _message(report), failure=failure)])

    @property
    def _budget(self) -> str:
        return f"the search's {self._spending.budget:g} worker-seconds"

    def _counts(self, event: Event) -> bool:
        """Whether an event is told: not what follows an end, nor the end of what begins again."""
        if isinstance(event, StudyEnded) or event.trial_id in self._ended:
            return False
        if isinstance(event, TrialEnded) and event.failure is FailureKind.LOST_WORKER:
            self._dying[event.trial_id] = event.message
            return False
        return True

    def _numbered(self, event: Event) -> Event:
        """The event; a trial that begins again says so under a number of its own.

        Else it would pass for a repetition, and what it had trained since its last checkpoint
        would stand beside what it trains again.
        """
        if isinstance(event, TrialStarted) and (again := self._lost[event.trial_id]):
            return event.model_copy(update={"number": ENDED + again})
        return event

    def _note(self, event: Event) -> None:
        if isinstance(event, TrialPoint | TrialEnded):
            self._points.hear(event)
        match event:
            case TrialPoint():
                point = event.point
                self._spending.note(event.trial_id, point.worker_seconds, ranks=point.ranks)
                self._note_progress(event.trial_id, point.epoch)
            case TrialEnded():
                self._spending.note(event.trial_id, event.worker_seconds, ranks=0)
                self._ended.add(event.trial_id)

    def _note_progress(self, trial_id: str, epoch: int) -> None:
        """Forget earlier losses of a trial that has come farther than ever, not just back."""
        if epoch > self._farthest.get(trial_id, -1):
            self._farthest[trial_id] = epoch
            self._lost_in_vain[trial_id] = 0

    def _give_up_waiting(self) -> None:
        message = f"not started: {self._budget} were spent"
        self._say([self._end(plan.trial.trial_id, "stopped", message) for plan in self._waiting])
        self._waiting.clear()

    def _say(self, events: Sequence[Event]) -> None:
        """Tell the events; what was stopped while it ran halts once that is told."""
        if events:
            self._tell(events)
        ends = (event for event in events if isinstance(event, TrialEnded))
        for end in ends:
            if end.outcome == "stopped" and end.trial_id in self._running:
                self._halt(end.trial_id)

    def _end(
        self,
        trial_id: str,
        outcome: Literal["stopped", "failed"],
        message: str,
        *,
        failure: FailureKind | None = None,
    ) -> TrialEnded:
        """The end of a trial that its own process does not tell of."""
        event = TrialEnded(
            trial_id=trial_id,
            number=ENDED,
            at=datetime.now(UTC),
            outcome=outcome,
            failure=failure,
            message=message,
            worker_seconds=self._spending.of(trial_id),
        )
        self._note(event)
        return event


def _ends(point: TrialPoint, following: Event | None) -> bool:
    """Whether a trial ended by itself with this point."""
    return isinstance(following, TrialEnded) and following.trial_id == point.trial_id


def _failure(report: str) -> FailureKind:
    """What took a process away, as far as Ray's words tell."""
    killed = any(sign in report for sign in OUT_OF_MEMORY_SIGNS)
    return FailureKind.OUT_OF_MEMORY if killed else FailureKind.LOST_WORKER


def _message(report: str) -> str:
    lines = [line for line in report.strip().splitlines() if not line.startswith("Failure #")]
    return (lines or ["its process died"])[0][:500]
