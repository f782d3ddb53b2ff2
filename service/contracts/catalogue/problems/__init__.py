"""The problems that come with the product, a module a family."""

from service.contracts.catalogue.problems.autoencoders import AUTOENCODERS
from service.contracts.catalogue.problems.classifiers import CLASSIFIERS
from service.contracts.catalogue.problems.known_optima import KNOWN_OPTIMA
from service.contracts.catalogue.problems.text import CHAR_TRANSFORMER

PROBLEMS = (*AUTOENCODERS, *CLASSIFIERS, CHAR_TRANSFORMER, *KNOWN_OPTIMA)
