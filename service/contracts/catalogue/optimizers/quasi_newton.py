"""Quasi-Newton methods over all parameters together."""

from service.contracts.catalogue.entries import OptimizerEntry
from service.contracts.catalogue.optimizers.settings import (
    count,
    learning_rate,
    switch,
    weight_decay,
)
from service.contracts.space import LogRange

LBFGS = OptimizerEntry(
    name="lbfgs",
    title="L-BFGS",
    summary=(
        "Limited-memory BFGS: up to max_iter iterations on each mini-batch, every gradient of "
        "which is counted."
    ),
    reference="Liu, Nocedal, 1989, https://doi.org/10.1007/BF01589116; torch.optim.LBFGS",
    max_workers=1,
    settings=(
        learning_rate(1.0, "Step size, or the first one that the line search tries."),
        count("max_iter", 20, summary="Iterations of one step, all on the same mini-batch."),
        count("history_size", 100, summary="Pairs that are remembered."),
        switch(
            "strong_wolfe",
            default=True,
            summary="Search along each direction; off takes lr as it is.",
        ),
        weight_decay("Times the weights, added to the gradient and half its square to the loss."),
    ),
    space={"lr": LogRange(log=(1e-2, 1.0))},
)
