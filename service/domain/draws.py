"""Where every number that looks random comes from: the comparison's seed and the space."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from service.contracts.base import SettingValue
from service.contracts.plan import Point, Seeds
from service.contracts.space import Dimension, Space, Values, active, in_order, is_active, settled
from service.contracts.tuning import Search, TuningSpec


def seeds(comparison_seed: int, finals: int, *, repeats: int = 1) -> Seeds:
    """The seeds of the search and those of the finals, all of them distinct.

    Args:
        comparison_seed: The comparison's own seed.
        finals: How many seeds the finals need; asking for more keeps the earlier ones.
        repeats: How many seeds each point of a search is tried on.
    """
    taken: set[int] = set()
    tuning = _fresh(comparison_seed, "tuning", repeats, taken)
    fresh = _fresh(comparison_seed, "finals", finals, taken)
    return Seeds(tuning=tuning[0], finals=fresh, repeats=tuning[1:])


def _fresh(comparison_seed: int, role: str, count: int, taken: set[int]) -> tuple[int, ...]:
    """So many seeds that nobody has taken yet, and takes them."""
    fresh: list[int] = []
    index = 0
    while len(fresh) < count:
        seed = derived(comparison_seed, role, index)
        index += 1
        if seed not in taken:
            taken.add(seed)
            fresh.append(seed)
    return tuple(fresh)


def points(comparison_seed: int, space: Space, tuning: TuningSpec) -> tuple[Point, ...]:
    """The points of a search, in the order in which they are tried.

    The same seed and the same space give the same points, whoever asks and in whatever order
    the settings are written; a grid needs no seed. An empty space has one point, the empty one;
    the empty points of a search that learns are filled when their trials begin.

    Args:
        comparison_seed: The comparison's own seed.
        space: The searched settings.
        tuning: How the points are drawn, and how many.
    """
    if not space:
        return ({},)
    match tuning.search:
        case Search.SOBOL:
            return sobol_points(comparison_seed, space, tuning.points(space))
        case Search.RANDOM:
            return random_points(comparison_seed, space, tuning.points(space))
        case Search.GRID:
            return grid_points(space)
        case Search.TPE:
            return ({},) * tuning.points(space)
        case _:
            assert_never(tuning.search)


def sobol_points(comparison_seed: int, space: Space, count: int) -> tuple[Point, ...]:
    """Points of a scrambled Sobol sequence; ``count`` is a power of two."""
    from scipy.stats import qmc  # takes a second to load, which a web that starts again has not

    generator = _generator(comparison_seed, "points", space)
    return _placed(qmc.Sobol(len(space), scramble=True, rng=generator).random(count), space)


def random_points(comparison_seed: int, space: Space, count: int) -> tuple[Point, ...]:
    """Independent points, uniform on each setting's scale; more of them keep the earlier ones."""
    generator = _generator(comparison_seed, "random points", space)
    return _placed(generator.random((count, len(space))), space)


def grid_points(space: Space) -> tuple[Point, ...]:
    """Every combination of the settings that are searched together; the last one changes first."""
    return tuple(
        {name: point[name] for name in sorted(point)}
        for point in _branch(in_order(space), space, {})
    )


def _branch(names: Sequence[str], space: Space, chosen: Point) -> Iterator[Point]:
    """The combinations of these settings, given those before them."""
    if not names:
        yield chosen
        return
    name, rest = names[0], names[1:]
    if not is_active(space, name, chosen):
        yield from _branch(rest, space, chosen)
        return
    for value in _grid(space[name]):
        yield from _branch(rest, space, {**chosen, name: value})


def _grid(dimension: Dimension) -> tuple[SettingValue, ...]:
    """The values of a list, or those evenly spread over a range, both ends included."""
    if isinstance(dimension, Values):
        return dimension.values
    if dimension.points is None:
        raise ValueError("a range without points has no grid")
    last = dimension.points - 1
    return tuple(_value(index / last, dimension) for index in range(dimension.points))


def proposal_seed(comparison_seed: int, space: Space, index: int) -> int:
    """The seed of a proposal in a search that learns, by the trial's place in the search."""
    return derived(comparison_seed, f"proposals {_canonical(space)}", index)


def _generator(comparison_seed: int, role: str, space: Space) -> np.random.Generator:
    return np.random.default_rng(derived(comparison_seed, f"{role} {_canonical(space)}", 0))


def _canonical(space: Space) -> str:
    """The space as text, in whatever order its settings were written."""
    return json.dumps(
        {name: space[name].model_dump(mode="json", exclude_none=True) for name in space},
        sort_keys=True,
    )


def _placed(unit: NDArray[np.float64], space: Space) -> tuple[Point, ...]:
    """Shares (points, settings) as values; the columns are the settings by name.

    A setting that is not searched at a point keeps its column, so that the others stay balanced.
    """
    names = sorted(space)
    rows = (zip(names, row, strict=True) for row in unit)
    return tuple(
        active(space, {name: _value(float(share), space[name]) for name, share in row})
        for row in rows
    )


def _value(share: float, dimension: Dimension) -> SettingValue:
    """The value at a share in [0, 1] of the way: along a range, or through a list."""
    if isinstance(dimension, Values):
        last = len(dimension.values) - 1
        return dimension.values[min(int(share * (last + 1)), last)]
    return settled(dimension, dimension.at(share))


def derived(comparison_seed: int, role: str, index: int) -> int:
    """31 bits of the SHA-256 of (seed, role, index)."""
    digest = hashlib.sha256(f"{comparison_seed}/{role}/{index}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
