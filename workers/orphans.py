"""Gives back what a Train controller had reserved that died before its ranks ran.

Ray Train removes the placement group of a controller that dies, but only once all ranks have
started: before that nobody knows of it, and Ray itself keeps it until the driver ends, so that no
later trial finds room.
"""

import time
from collections.abc import Mapping

from ray._raylet import PlacementGroupID
from ray.runtime_context import get_runtime_context
from ray.util.placement_group import PlacementGroup, remove_placement_group
from ray.util.state import list_actors, list_placement_groups

SETTLING_SECONDS = 5.0
"""So long a placement group may be without ranks that are about to be made."""
MOST = 10_000


def give_back_orphans(bundle: Mapping[str, float]) -> int:
    """Remove this driver's placement groups for ranks in which there are none.

    Args:
        bundle: What each rank reserves, by which such groups are told from those of trials.

    Returns:
        How many were removed.
    """
    before = _without_ranks(bundle)
    if not before:
        return 0
    time.sleep(SETTLING_SECONDS)
    orphans = before & _without_ranks(bundle)
    for one in orphans:
        remove_placement_group(PlacementGroup(PlacementGroupID.from_hex(one)))
    return len(orphans)


def _without_ranks(bundle: Mapping[str, float]) -> set[str]:
    job = get_runtime_context().get_job_id()
    groups = list_placement_groups(
        filters=[("creator_job_id", "=", job), ("state", "=", "CREATED")], detail=True, limit=MOST
    )
    actors = list_actors(
        filters=[("job_id", "=", job), ("state", "!=", "DEAD")], detail=True, limit=MOST
    )
    inhabited = {actor.placement_group_id for actor in actors}
    return {
        group.placement_group_id
        for group in groups
        if group.placement_group_id not in inhabited
        and all(one["unit_resources"] == dict(bundle) for one in group.bundles)
    }
