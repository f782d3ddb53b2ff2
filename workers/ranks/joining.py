"""The state of a rank from what all ranks saved, also where there are more or fewer now."""

from collections.abc import Sequence
from typing import Any

from kbfgs import merge_states
from workers.ranks.base import Ranks

OWN = ("optimizer", "generators")
"""The parts of a state that each rank saves for itself."""


def state_for(
    ranks: Ranks, common: dict[str, Any], own: Sequence[dict[str, Any]], *, saved_by: int
) -> dict[str, Any]:
    """What a rank continues from.

    On as many ranks as before, each goes on with its own state, bit for bit. On another number,
    what the optimizers know together is shared out anew, and random numbers begin anew.

    Args:
        ranks: Who continues.
        common: What all ranks share; all of the state where one rank saved it.
        own: The parts in :data:`OWN`: this rank's, or where their number changed those of all.
        saved_by: How many ranks saved it.
    """
    if saved_by == ranks.size:
        return {**common, **(own[0] if own else {})}
    optimizers = [state["optimizer"] for state in own] or [common["optimizer"]]
    return {**common, "optimizer": _joined(optimizers), "generators": {}}


def _joined(states: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One optimizer's state for any rank; without shares all ranks know the same."""
    if len(states) > 1 and "kbfgs" in states[0]:
        return merge_states(states)
    return states[0]
