"""Gradient descent with momentum, as torch has it and as the paper runs it."""

from service.contracts.catalogue.entries import OptimizerEntry
from service.contracts.catalogue.optimizers.settings import (
    L2,
    learning_rate,
    momentum,
    switch,
    weight_decay,
)
from service.contracts.space import LogRange

SGD = OptimizerEntry(
    name="sgd",
    title="SGD with momentum",
    summary="Stochastic gradient descent with heavy-ball or Nesterov's momentum.",
    reference="Polyak, 1964, https://doi.org/10.1016/0041-5553(64)90137-5; torch.optim.SGD",
    settings=(
        learning_rate(1e-2),
        momentum(),
        switch(
            "nesterov",
            default=False,
            summary="Nesterov's momentum; needs a momentum greater than 0.",
            needs="momentum",
        ),
        weight_decay(L2),
    ),
    space={"lr": LogRange(log=(3e-4, 3e-1))},
)

SGD_PAPER = OptimizerEntry(
    name="sgd-paper",
    title="SGD with momentum (paper)",
    summary="SGD along a moving average of the gradient: (1 - momentum) times the heavy ball.",
    reference="Goldfarb, Ren, Bahamou, NeurIPS 2020, https://arxiv.org/abs/2006.08877",
    settings=(
        learning_rate(1e-1),
        momentum(summary="Decay of the moving average of the gradient."),
        weight_decay(L2),
    ),
    space={"lr": LogRange(log=(3e-3, 3.0))},
)
