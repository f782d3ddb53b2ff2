"""Placement groups with a rank, without one, and of another size; prints which were given back.

    python -m tests.support.orphan_probe

inside of a cluster with 3 CPUs.
"""

import json

import ray
from ray.util.placement_group import placement_group, placement_group_table
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from workers.orphans import give_back_orphans
from workers.search import connect

BUNDLE = {"CPU": 1.0}


class Rank:
    """An actor that is there."""

    def there(self) -> bool:
        return True


def main() -> None:
    """Print how many were given back, and what became of each."""
    connect()
    groups = {
        "inhabited": placement_group([BUNDLE]),
        "deserted": placement_group([BUNDLE]),
        "of a trial": placement_group([{"CPU": 0.5}]),
    }
    ray.get([group.ready() for group in groups.values()])
    strategy = PlacementGroupSchedulingStrategy(groups["inhabited"])
    rank = ray.remote(num_cpus=1)(Rank).options(scheduling_strategy=strategy).remote()
    ray.get(rank.there.remote())
    number = give_back_orphans(BUNDLE)
    states = {name: placement_group_table(group)["state"] for name, group in groups.items()}
    print(json.dumps({"given_back": number, "states": states}))


if __name__ == "__main__":
    main()
