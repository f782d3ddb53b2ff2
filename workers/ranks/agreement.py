"""What the ranks have to agree on between two steps, by one small message."""

from collections.abc import Callable

from workers.ranks.base import Ranks, summed


class Agreement:
    """The loss over all ranks' rows, and whether the run is to end: the same on every rank.

    A single rank asks for the sign before every step. Several hear of it with the loss of the
    step before: rank 0 alone asks, so that all of them end in front of the same step.

    Args:
        ranks: Who agrees.
        cancelled: Whether somebody wants the run to end.
    """

    def __init__(self, ranks: Ranks, cancelled: Callable[[], bool]) -> None:
        self._ranks, self._cancelled = ranks, cancelled
        self._heard = False

    def loss(self, own: float) -> float:
        """The mean loss of a mini-batch over all of its rows.

        Args:
            own: This rank's, weighted as :class:`workers.minibatch.MiniBatch` does.
        """
        if self._ranks.size == 1:
            return own
        asked = self._ranks.rank == 0 and self._cancelled()
        total, signs = summed(self._ranks, (own, asked))
        self._heard = signs > 0
        return total / self._ranks.size

    def cancelled(self) -> bool:
        """Whether to end before the next step."""
        return self._cancelled() if self._ranks.size == 1 else self._heard
