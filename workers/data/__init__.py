"""Data sets by name, as arrays that are made ready once a node and mapped by every process."""

import os

from workers.data.dataset import Arrays
from workers.data.errors import DataMissing, UnknownDataSet

__all__ = ["Arrays", "DataMissing", "UnknownDataSet", "arrays"]


def arrays(name: str) -> Arrays:
    """The arrays of a data set, read-only and mapped.

    Args:
        name: One that ``python -m workers data list`` shows.

    Raises:
        UnknownDataSet: Where there is no such data set.
        DataMissing: Where its files cannot be had or are not what they should be.
    """
    from workers.data.catalogue import built_in
    from workers.data.library import Library
    from workers.data.places import Places

    return Library(built_in(), Places.from_environment(os.environ)).arrays(name)
