"""Data sets by name, as arrays that are made ready once a node and mapped by every process."""

import os

from workers.data.catalogue import built_in
from workers.data.dataset import Arrays
from workers.data.errors import DataMissing, UnknownDataSet
from workers.data.places import Places
from workers.data.shelf import Library, State

__all__ = ["Arrays", "DataMissing", "Library", "State", "UnknownDataSet", "arrays", "library"]


def arrays(name: str) -> Arrays:
    """The arrays of a data set, read-only and mapped; files that are missing are fetched.

    Args:
        name: One that ``python -m workers data list`` shows.

    Raises:
        UnknownDataSet: Where there is no such data set.
        DataMissing: Where its files cannot be had or are not what they should be.
    """
    return library().arrays(name)


def library() -> Library:
    """The built-in data sets at the places that the environment names.

    Raises:
        DataMissing: Where KBFGS_OFFLINE is neither on nor off.
    """
    return Library(built_in(), Places.from_environment(os.environ))
