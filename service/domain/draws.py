"""Where every number that looks random comes from: the comparison's seed and the space."""

import hashlib
import json
import math

import numpy as np
from scipy.stats import qmc

from service.contracts.plan import Point, Seeds
from service.contracts.space import Dimension, LogRange, Space

_SIGNIFICANT_DIGITS = 6


def seeds(comparison_seed: int, finals: int) -> Seeds:
    """The seed of the search and those of the finals, all of them distinct.

    Args:
        comparison_seed: The comparison's own seed.
        finals: How many seeds the finals need; asking for more keeps the earlier ones.
    """
    tuning = derived(comparison_seed, "tuning", 0)
    taken = {tuning}
    fresh: list[int] = []
    index = 0
    while len(fresh) < finals:
        seed = derived(comparison_seed, "finals", index)
        index += 1
        if seed not in taken:
            taken.add(seed)
            fresh.append(seed)
    return Seeds(tuning=tuning, finals=tuple(fresh))


def sobol_points(comparison_seed: int, space: Space, count: int) -> tuple[Point, ...]:
    """Points of a scrambled Sobol sequence in the space.

    The same seed and the same space give the same points, whoever asks and in whatever order
    the settings are written. An empty space has one point, the empty one.

    Args:
        comparison_seed: The comparison's own seed.
        space: The searched settings.
        count: How many points, a power of two.
    """
    if not space:
        return ({},)
    names = sorted(space)
    canonical = json.dumps(
        {name: space[name].model_dump(mode="json") for name in names}, sort_keys=True
    )
    generator = np.random.default_rng(derived(comparison_seed, f"points {canonical}", 0))
    unit = qmc.Sobol(len(names), scramble=True, rng=generator).random(count)  # (count, settings)
    return tuple(
        {name: _placed(float(share), space[name]) for name, share in zip(names, row, strict=True)}
        for row in unit
    )


def _placed(share: float, dimension: Dimension) -> float:
    """The value at a share in [0, 1) of the way from the lowest to the highest."""
    if isinstance(dimension, LogRange):
        low, high = dimension.log
        value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    else:
        low, high = dimension.linear
        value = low + share * (high - low)
    rounded = float(f"{value:.{_SIGNIFICANT_DIGITS}g}")
    return min(max(rounded, low), high)


def derived(comparison_seed: int, role: str, index: int) -> int:
    """31 bits of the SHA-256 of (seed, role, index)."""
    digest = hashlib.sha256(f"{comparison_seed}/{role}/{index}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
