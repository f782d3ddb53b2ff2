"""The order of the queue: by priority, then by turns between owners, then by age; and the caps."""

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.contracts.labels import HIGHEST_PRIORITY
from service.domain.records import StudyRecord

PATIENCE = timedelta(days=1)
"""Who has waited for so long goes with the highest priority, so that nobody starves."""

_DIGITS = 9
"""Equal loads must be equal, in whatever order they were summed."""

Reason = tuple[StudyRecord, str]
"""A study and why it waits."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a comparison's studies may ask of the queue."""

    owner: str = ""
    priority: int = 0
    at_once: int | None = None
    """Studies of it that may run at the same time; no limit where None."""


@dataclass(frozen=True, slots=True)
class Line:
    """The queue in order, without those that wait for a cap."""

    studies: tuple[StudyRecord, ...]
    capped: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Fairness:
    """Who goes before whom; without shares it is first come, first served.

    Attributes:
        shares: By the comparison's id; one that is not there has no owner and no priority.
        owner_studies: Studies of one owner that may run at the same time; no limit where None.
        now: By which the waiting is measured; nobody has waited too long where None.
    """

    shares: Mapping[str, Share] = field(default_factory=dict)
    owner_studies: int | None = None
    now: datetime | None = None

    def line_up(
        self,
        queued: Sequence[StudyRecord],
        live: Sequence[StudyRecord],
        weigh: Callable[[StudyRecord], float],
    ) -> Line:
        """The order in which studies are to start.

        Higher priorities first. Within one priority the owner goes next who has the least, counting
        what runs and what stands in the line before; of that owner's studies the oldest.

        Args:
            queued: The queue, oldest first.
            live: The studies that have the cluster now.
            weigh: The share of the cluster that a study takes, from 0 to 1.
        """
        counted = _Counted(self, weigh)
        for study in live:
            counted.add(study)
        line: list[StudyRecord] = []
        capped: list[Reason] = []
        for level in self._levels(queued):
            for study in self._by_turns(level, counted.load):
                if reason := counted.reason(study):
                    capped.append((study, reason))
                else:
                    line.append(study)
                    counted.add(study)
        return Line(tuple(line), tuple(capped))

    def share(self, study: StudyRecord) -> Share:
        """What the study's comparison may ask for."""
        return self.shares.get(study.comparison_id, Share())

    def _levels(self, queued: Sequence[StudyRecord]) -> list[list[StudyRecord]]:
        """The studies of each priority, the highest first; oldest first within."""
        levels: dict[int, list[StudyRecord]] = defaultdict(list)
        for study in queued:
            levels[self._priority(study)].append(study)
        return [levels[priority] for priority in sorted(levels, reverse=True)]

    def _priority(self, study: StudyRecord) -> int:
        waited = self.now is not None and self.now - study.created_at >= PATIENCE
        return HIGHEST_PRIORITY if waited else self.share(study).priority

    def _by_turns(
        self, studies: Sequence[StudyRecord], load: Mapping[str, float]
    ) -> Iterator[StudyRecord]:
        """Study by study: the oldest of the owner who has the least at that moment.

        Args:
            studies: Oldest first.
            load: What each owner has; it grows with what is taken, for the owner it is taken of.
        """
        waiting: dict[str, deque[tuple[int, StudyRecord]]] = defaultdict(deque)
        for age, study in enumerate(studies):
            waiting[self.share(study).owner].append((age, study))
        heads = [(load[owner], theirs[0][0], owner) for owner, theirs in waiting.items()]
        heapq.heapify(heads)
        while heads:
            _, _, owner = heapq.heappop(heads)
            theirs = waiting[owner]
            yield theirs.popleft()[1]
            if theirs:
                heapq.heappush(heads, (load[owner], theirs[0][0], owner))


class _Counted:
    """What owners and comparisons have, of what runs and of what stands in the line."""

    def __init__(self, rules: Fairness, weigh: Callable[[StudyRecord], float]) -> None:
        self._rules = rules
        self._weigh = weigh
        self.load: dict[str, float] = defaultdict(float)
        self._of_owner: Counter[str] = Counter()
        self._of_comparison: Counter[str] = Counter()

    def add(self, study: StudyRecord) -> None:
        """Count a study as one that has, or will have, the cluster."""
        owner = self._rules.share(study).owner
        self.load[owner] = round(self.load[owner] + self._weigh(study), _DIGITS)
        self._of_owner[owner] += 1
        self._of_comparison[study.comparison_id] += 1

    def reason(self, study: StudyRecord) -> str:
        """The cap for which a study waits; empty where there is none."""
        share, most = self._rules.share(study), self._rules.owner_studies
        if share.at_once is not None and self._of_comparison[study.comparison_id] >= share.at_once:
            return f"waiting for others of its comparison: at most {share.at_once} at once"
        if most is not None and self._of_owner[share.owner] >= most:
            return f"waiting for others of {share.owner}: at most {most} at once"
        return ""
