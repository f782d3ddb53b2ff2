"""What there is to compare: every problem and optimizer with its settings, bounds and space."""

from service.contracts.catalogue.book import Catalogue, built_in
from service.contracts.catalogue.contenders import Contender, check, resolve
from service.contracts.catalogue.entries import OptimizerEntry, ProblemEntry, Setting

__all__ = [
    "Catalogue",
    "Contender",
    "OptimizerEntry",
    "ProblemEntry",
    "Setting",
    "built_in",
    "check",
    "resolve",
]
