"""How much a contender's success hangs on its settings."""

from service.contracts import numbers
from service.contracts.base import Contract

NEARNESS = 0.1
"""A point whose loss lies within this share of the size of the best one counts as near."""


class Sensitivity(Contract):
    """How many of the points of a search are nearly as good as the best of them."""

    near: int | None
    """Points within 10 % of the best loss; None where that is not known, because some points were
    stopped early or the best loss is 0."""
    points: int
    """Points that came to a loss, diverged or failed through their settings."""
    even: bool
    """Whether they fill the space evenly; if not, the share is one of the points tried."""
    stopped: int = 0
    """Points that the search stopped early."""

    @property
    def share(self) -> float | None:
        """The share of the points that are near."""
        return None if self.near is None else self.near / self.points

    @property
    def written(self) -> str:
        """As people read it: ``31 % of the space (5 of 16 points)``.

        The best point is near itself, so that 1 of n says nothing of a share.
        """
        if self.share is None:
            why = f"{self.stopped} of {self.points} points were stopped early"
            return f"not known: {why if self.stopped else 'the best loss is 0'}"
        if self.near == 1:
            return f"the best point alone of {self.points}"
        of = "of the space" if self.even else "of the points tried"
        return f"{numbers.share(self.share)} {of} ({self.near} of {self.points} points)"
