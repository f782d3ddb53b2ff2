"""Every problem of the catalogue on generated arrays."""

from tests.support.problem_arrays import generated
from workers.problems import FACTORIES, Problem
from workers.problems.quadratic import Quadratic
from workers.problems.text import CharTransformer, Rows

SHORT = Rows(train=24, validation=2, test=2)


def small(name: str) -> Problem:
    """The problem of that name, its network as large as ever, on a few generated rows."""
    match name:
        case "quadratic":
            return Quadratic()
        case "char-transformer":
            return CharTransformer(source=generated, rows=SHORT)
        case _:
            return FACTORIES[name](source=generated)  # type: ignore[call-arg]
