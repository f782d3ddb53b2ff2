"""Which data a problem is made of, so that two runs can be told to have had the same."""

from service.contracts.catalogue import look
from workers.data import DataMissing, library


def data_of(problem: str) -> tuple[str, ...]:
    """The data set of a problem as ``name version sha256:digits``, its files together.

    Empty where the problem is made by its code alone, or where its files are not what they should
    be: then its trial says so.
    """
    entry = look().catalogue.problem(problem)
    if entry is None or entry.data is None or entry.plugin is not None:
        return ()
    try:
        return (library().identity(entry.data),)
    except DataMissing:
        return ()
