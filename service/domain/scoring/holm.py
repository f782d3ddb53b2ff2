"""Holm's correction of p-values for several tests."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Each p-value corrected, in the order given.

    The i-th lowest of m is multiplied by m - i + 1, is at least as large as those below it,
    and at most 1. Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    corrected = [1.0] * len(p_values)
    highest = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = highest
    return tuple(corrected)
