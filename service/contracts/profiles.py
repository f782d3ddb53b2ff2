"""Performance profiles: how contenders do over all problems of a comparison."""

from service.contracts import numbers
from service.contracts.base import Contract

LARGEST_RATIO = 4.0
"""Profiles are drawn and scored up to here, as AlgoPerf's."""


class Profile(Contract):
    """One contender over the problems of a comparison."""

    name: str
    ratios: dict[str, float | None]
    """Its median outcome over the best one, by problem; None where half of its runs missed."""
    score: float
    """The mean height of its profile over ratios from 1 to 4: 1 where it is the best everywhere."""
    low: float | None = None
    high: float | None = None
    """Where 95 % of its scores lie when the seeds are drawn again; None of few seeds."""

    def share(self, ratio: float) -> float:
        """The share of the problems on which it comes to the best outcome times this ratio."""
        near = sum(own is not None and own <= ratio for own in self.ratios.values())
        return near / len(self.ratios)

    @property
    def steps(self) -> tuple[tuple[float, float], ...]:
        """The profile as (ratio, share): each share holds from its ratio on; from 1 to 4."""
        rises = {own for own in self.ratios.values() if own is not None and own <= LARGEST_RATIO}
        return tuple((at, self.share(at)) for at in sorted(rises | {1.0, LARGEST_RATIO}))

    @property
    def best(self) -> int:
        """On how many problems none is better."""
        return sum(own == 1 for own in self.ratios.values())

    @property
    def solved(self) -> int:
        """On how many problems more than half of its runs came to an outcome."""
        return sum(own is not None for own in self.ratios.values())

    def written_ratio(self, problem: str) -> str:
        """Its ratio on a problem as people read it: ``1.63×``, or ``missed``."""
        own = self.ratios[problem]
        return "missed" if own is None else numbers.times(own)

    @property
    def written(self) -> str:
        """The score as people read it: ``0.87 (0.81–0.90)``."""
        return numbers.with_span(self.score, self.low, self.high, write=numbers.score)


class Profiles(Contract):
    """The profiles over several problems; none where there is too little to compare."""

    problems: tuple[str, ...]
    """Those that count; the notes say why others do not."""
    contenders: tuple[Profile, ...]
    """In the order of the spec; empty where there is no profile."""
    notes: tuple[str, ...] = ()
    """What a reader should know of them, each a sentence without its full stop."""
