"""What the ranks have to agree on between two steps, by one small message."""

from collections.abc import Callable

from workers.ranks.base import Ranks, summed


class Agreement:
    """The loss over all ranks' rows, and whether the run is to end: the same on every rank.

    A single rank asks for the sign before every step. Several hear of it with the loss of the
    step before: rank 0 alone asks, so that all of them end in front of the same step.

    Args:
        ranks: Who agrees.
        stopped: Whether somebody wants the run to stop.
    """

    def __init__(self, ranks: Ranks, stopped: Callable[[], bool]) -> None:
        self._ranks, self._stopped = ranks, stopped
        self._heard = False

    def loss(self, own: float) -> float:
        """The mean loss of a mini-batch over all of its rows.

        Args:
            own: This rank's, weighted as :class:`workers.minibatch.MiniBatch` does.
        """
        if self._ranks.size == 1:
            return own
        asked = self._ranks.rank == 0 and self._stopped()
        total, signs = summed(self._ranks, (own, asked))
        self._heard = signs > 0
        return total / self._ranks.size

    def stopped(self) -> bool:
        """Whether to stop before the next step."""
        return self._stopped() if self._ranks.size == 1 else self._heard
