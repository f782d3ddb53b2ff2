"""The optimizers that come with the product, one file a family."""

from service.contracts.catalogue.entries import OptimizerEntry
from service.contracts.catalogue.optimizers.adam import ADAM, ADAM_PAPER, ADAMW, NADAMW
from service.contracts.catalogue.optimizers.kronecker import KBFGS, KBFGS_L, KFAC
from service.contracts.catalogue.optimizers.matrices import MUON, SHAMPOO, SOAP
from service.contracts.catalogue.optimizers.quasi_newton import LBFGS
from service.contracts.catalogue.optimizers.rmsprop import RMSPROP, RMSPROP_PAPER
from service.contracts.catalogue.optimizers.sgd import SGD, SGD_PAPER

OPTIMIZERS: tuple[OptimizerEntry, ...] = (
    KBFGS,
    KBFGS_L,
    KFAC,
    ADAM,
    ADAM_PAPER,
    ADAMW,
    NADAMW,
    RMSPROP,
    RMSPROP_PAPER,
    SGD,
    SGD_PAPER,
    LBFGS,
    MUON,
    SOAP,
    SHAMPOO,
)
