"""The catalogue as a value: entries found by name."""

from service.contracts.base import Contract
from service.contracts.catalogue.entries import OptimizerEntry, ProblemEntry
from service.contracts.catalogue.optimizers import OPTIMIZERS
from service.contracts.catalogue.problems import PROBLEMS


class Catalogue(Contract):
    """The problems and optimizers that comparisons can name."""

    problems: tuple[ProblemEntry, ...]
    optimizers: tuple[OptimizerEntry, ...]

    def problem(self, name: str) -> ProblemEntry | None:
        """The problem of that name, if there is one."""
        return next((entry for entry in self.problems if entry.name == name), None)

    def optimizer(self, name: str) -> OptimizerEntry | None:
        """The optimizer of that name, if there is one."""
        return next((entry for entry in self.optimizers if entry.name == name), None)


def built_in() -> Catalogue:
    """The catalogue that comes with the product."""
    return Catalogue(problems=PROBLEMS, optimizers=OPTIMIZERS)
