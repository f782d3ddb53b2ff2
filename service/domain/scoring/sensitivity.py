"""How many of the points of a search are nearly as good as the best of them."""

from collections.abc import Sequence

from service.contracts.sensitivity import NEARNESS, Sensitivity
from service.contracts.tuning import Search, TuningSpec
from service.domain.scoring.targets import moved
from service.domain.selection import TriedPoint


def sensitivity(points: Sequence[TriedPoint], tuning: TuningSpec) -> Sensitivity | None:
    """The points whose loss lies within 10 % of the best one's size, whatever its sign.

    The rule is that of relative targets: a best loss of 50 makes 55 near, one of -50 makes -45
    near. A best loss of 0 has no size. Points that diverged are not near. Where the search
    stopped points early, nobody knows what those would have come to.

    Only Sobol, random and grid points, as many for each contender, fill the space evenly, so that
    their share is about that of the space; TPE looks where it is good, and a search that is cut
    short looks longest where it is good.

    Args:
        points: The points of one contender's search on one problem.
        tuning: How they were searched for.

    Returns:
        None of fewer than two points.
    """
    if len(points) < 2:
        return None
    stopped = sum(tried.stopped for tried in points)
    best = min(tried.loss for tried in points)
    near = sum(tried.loss <= moved(best, NEARNESS) for tried in points if tried.loss < float("inf"))
    return Sensitivity(
        near=None if stopped or best == 0 else near,
        points=len(points),
        even=_is_even(tuning),
        stopped=stopped,
    )


def _is_even(tuning: TuningSpec) -> bool:
    cut_short = tuning.asha is not None or tuning.worker_seconds is not None
    return tuning.search is not Search.TPE and not cut_short
