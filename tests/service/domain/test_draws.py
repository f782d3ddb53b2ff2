"""The points of a search: Sobol, random, or every point of a grid."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from service.contracts.catalogue import built_in
from service.contracts.plan import Point
from service.contracts.space import Space, grid_size
from service.contracts.tuning import Search, TuningSpec
from service.domain.draws import grid_points, points, random_points, sobol_points
from service.domain.planning import plan
from tests.support.comparisons import a_spec

SEEDS = st.integers(0, 2**31 - 1)
NUMBERS = st.floats(1e-6, 1e3)
RANGES = st.builds(
    lambda kind, low, factor, count: {kind: [low, low * factor], "points": count},
    st.sampled_from(["log", "linear"]),
    NUMBERS,
    st.floats(1.01, 1e4),
    st.integers(2, 5),
)
LISTS = st.lists(NUMBERS, min_size=1, max_size=5, unique=True).map(lambda found: {"values": found})
SPACES = st.dictionaries(st.sampled_from("abc"), RANGES | LISTS, min_size=1)


def a_space(**dimensions: object) -> Space:
    return TypeAdapter(Space).validate_python(dimensions)


def grid(**dimensions: object) -> tuple[Point, ...]:
    return grid_points(a_space(**dimensions))


def test_a_grid_is_every_combination_once_in_the_order_of_the_lists() -> None:
    assert grid(lr={"values": [1, 0.1]}, damping={"values": [0.3, 3]}) == (
        {"damping": 0.3, "lr": 1},
        {"damping": 0.3, "lr": 0.1},
        {"damping": 3, "lr": 1},
        {"damping": 3, "lr": 0.1},
    )


def test_a_grid_takes_evenly_spread_values_from_a_range_both_ends_included() -> None:
    assert [p["lr"] for p in grid(lr={"log": [1e-3, 1], "points": 4})] == [0.001, 0.01, 0.1, 1]
    assert [p["lr"] for p in grid(lr={"linear": [0, 1], "points": 3})] == [0, 0.5, 1]


def test_a_list_holds_whole_numbers_words_and_pairs_as_they_are() -> None:
    choices = [True, "cosine", 100, [0.9, 0.99]]
    found = [point["x"] for point in grid(x={"values": choices})]
    assert found == [True, "cosine", 100, (0.9, 0.99)]
    assert [type(value) for value in found] == [bool, str, int, tuple]


@given(space=SPACES, seed=SEEDS)
def test_a_grid_has_as_many_points_as_it_says_and_no_seed_changes_them(
    space: dict[str, object], seed: int
) -> None:
    found, tuning = a_space(**space), TuningSpec(search=Search.GRID)
    drawn = points(seed, found, tuning)
    assert len(drawn) == len({tuple(point.items()) for point in drawn}) == grid_size(found)
    assert drawn == points(0, dict(reversed(found.items())), tuning)


@given(space=SPACES, seed=SEEDS, count=st.integers(1, 20), more=st.integers(0, 20))
def test_random_points_lie_within_and_more_of_them_keep_the_earlier_ones(
    space: dict[str, object], seed: int, count: int, more: int
) -> None:
    found = a_space(**space)
    drawn = random_points(seed, found, count)
    assert drawn == random_points(seed, dict(reversed(found.items())), count + more)[:count]
    for point in drawn:
        for name, dimension in found.items():
            if "values" in space[name]:  # type: ignore[operator]
                assert point[name] in dimension.values  # type: ignore[union-attr]
            else:
                low, high = dimension.bounds  # type: ignore[misc]
                assert low <= point[name] <= high  # type: ignore[operator]


def test_random_points_differ_by_seed_and_from_sobol_points() -> None:
    space = a_space(lr={"log": [1e-3, 1]})
    first, second = random_points(1, space, 8), random_points(2, space, 8)
    assert first != second
    assert first != sobol_points(1, space, 8)


def test_sobol_points_take_each_value_of_a_list_equally_often() -> None:
    drawn = sobol_points(3, a_space(memory={"values": [10, 30, 100, 300]}), 16)
    assert Counter(point["memory"] for point in drawn) == {10: 4, 30: 4, 100: 4, 300: 4}


def test_sobol_points_of_a_seed_and_a_space_never_change() -> None:
    # A capsule runs again with the points that it was run with.
    space = a_space(lr={"log": [1e-3, 1]}, momentum={"linear": [0, 0.9]})
    assert sobol_points(7, space, 2) == (
        {"lr": 0.00470908, "momentum": 0.421398},
        {"lr": 0.141062, "momentum": 0.69538},
    )


@pytest.mark.parametrize("search", ["grid", "random"])
def test_contenders_with_equal_spaces_get_equal_points(search: str) -> None:
    space = {"lr": {"values": [0.1, 0.3, 1]}}
    contenders = [
        {"optimizer": "sgd", "space": space},
        {"optimizer": "adam", "space": space},
    ]
    tuning = {"search": search} if search == "grid" else {"search": search, "trials": 5}
    first, second = plan(a_spec(contenders=contenders, tuning=tuning), built_in()).studies
    assert [trial.point for trial in first.trials] == [trial.point for trial in second.trials]
    assert len(first.trials) == (3 if search == "grid" else 5)


def test_nothing_to_search_is_one_empty_point() -> None:
    assert points(0, {}, TuningSpec(search=Search.GRID)) == ({},)
    assert points(0, {}, TuningSpec(search=Search.RANDOM, trials=5)) == ({},)
