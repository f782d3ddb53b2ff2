"""Vectors as rows of one array: nothing is lost, and what is behind them is known."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kbfgs.padded import cut, numbers, padded

laws = settings(max_examples=40, deadline=None)
lengths = st.lists(st.integers(1, 6), min_size=1, max_size=5)


@laws
@given(lengths, st.integers(1, 3), st.integers(0, 2), st.sampled_from([0.0, 1.0]))
def test_rows_hold_the_vectors_and_one_number_behind_them(sizes, families, more, fill):
    width = max(sizes) + more
    vectors = [[torch.randn(size) for size in sizes] for _ in range(families)]
    array = padded(*vectors, width=width, fill=fill)
    assert array.shape == (families, len(sizes), width)
    for rows, family in zip(array, vectors, strict=True):
        assert all(map(torch.equal, cut(rows, sizes), family))
        assert all((row[len(v) :] == fill).all() for row, v in zip(rows, family, strict=True))


@laws
@given(lengths)
def test_what_is_cut_lies_in_the_array(sizes):
    array = torch.zeros(len(sizes), max(sizes))
    for vector in cut(array, sizes):
        vector.add_(1)
    assert array.sum() == sum(sizes)


@laws
@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=5))
def test_numbers_are_those_of_the_host(values):
    like = torch.zeros((), dtype=torch.float64)
    assert numbers(values, like=like).tolist() == values
