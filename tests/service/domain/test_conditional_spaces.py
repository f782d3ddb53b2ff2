"""Settings that are searched only where others have given values."""

from collections.abc import Mapping
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from service.contracts.base import SettingValue
from service.contracts.space import Space, grid_size, narrowed
from service.domain.draws import grid_points, random_points, sobol_points

LISTS = st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Lists, each under conditions on some of those before it in the alphabet's other direction."""
    document: dict[str, dict[str, object]] = {}
    for name in draw(st.permutations("abcd")):
        values = draw(LISTS)
        parents = draw(st.lists(st.sampled_from(sorted(document)), unique=True)) if document else []
        when = {
            parent: draw(st.lists(st.sampled_from(document[parent]["values"]), min_size=1))
            for parent in parents
        }
        document[name] = {"values": values, "when": when or None}
    return TypeAdapter(Space).validate_python(document)


def searched_at(space: Space, values: Mapping[str, SettingValue], name: str) -> bool:
    """The law, said recursively: every condition's own setting is searched and has such a value."""
    conditions = (space[name].when or {}).items()
    return all(
        searched_at(space, values, parent) and values[parent] in allowed
        for parent, allowed in conditions
    )


@given(spaces())
def test_a_grid_is_every_combination_less_what_is_not_searched_each_once(space: Space) -> None:
    names = sorted(space)
    expected = set()
    for combination in product(*(space[name].values for name in names)):  # type: ignore[union-attr]
        values = dict(zip(names, combination, strict=True))
        expected.add(tuple((n, values[n]) for n in names if searched_at(space, values, n)))
    points = [tuple(point.items()) for point in grid_points(space)]
    assert len(points) == len(set(points)) == grid_size(space)
    assert set(points) == expected


@given(spaces(), st.integers(0, 99))
def test_drawn_points_have_what_is_searched_there_and_nothing_else(space: Space, seed: int) -> None:
    for point in (*sobol_points(seed, space, 8), *random_points(seed, space, 8)):
        for name in space:
            held = all(
                point.get(parent, "absent") in allowed
                for parent, allowed in (space[name].when or {}).items()
            )
            assert (name in point) == held


@given(spaces(), st.data())
def test_a_space_with_settings_fixed_has_the_points_that_agree_with_them(
    space: Space, data: st.DataObject
) -> None:
    roots = [name for name in space if not space[name].when]
    name = data.draw(st.sampled_from(roots))
    value = data.draw(st.sampled_from(space[name].values))  # type: ignore[union-attr]
    agreeing = [
        {other: point[other] for other in point if other != name}
        for point in grid_points(space)
        if point[name] == value
    ]
    left = grid_points(narrowed(space, {name: value}))
    assert sorted(map(str, left)) == sorted(map(str, agreeing))


def test_what_is_unconditional_is_drawn_as_it_would_be_without_conditions() -> None:
    plain = TypeAdapter(Space).validate_python({"a": {"values": [1, 2]}, "b": {"log": [1, 10]}})
    drawn = sobol_points(3, plain, 8)
    assert drawn == sobol_points(3, narrowed(plain, {}), 8)


def test_conditions_on_more_combinations_than_can_be_counted_are_refused() -> None:
    lists = {name: {"values": list(range(100))} for name in "abc"}
    child = {"log": [1, 10], "when": {name: [1] for name in "abc"}}
    with pytest.raises(ValueError, match="10,000 combinations of values, got 1,000,000"):
        TypeAdapter(Space).validate_python({**lists, "x": child})
