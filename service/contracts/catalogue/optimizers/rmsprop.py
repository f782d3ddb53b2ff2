"""RMSprop, as torch has it and as the paper runs it."""

from service.contracts.catalogue.entries import OptimizerEntry
from service.contracts.catalogue.optimizers.settings import (
    L2,
    epsilon,
    learning_rate,
    momentum,
    share,
    switch,
    weight_decay,
)
from service.contracts.space import LogRange

RMSPROP = OptimizerEntry(
    name="rmsprop",
    title="RMSprop",
    summary="Gradients divided by a moving root mean square.",
    reference=(
        "Tieleman, Hinton, lecture 6.5, 2012, "
        "https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf"
    ),
    settings=(
        learning_rate(1e-2),
        share("alpha", 0.99, summary="Decay of the mean square."),
        epsilon(),
        momentum(0.0),
        weight_decay(L2),
    ),
    space={"lr": LogRange(log=(3e-4, 3e-2)), "eps": LogRange(log=(1e-8, 1e-2))},
)

RMSPROP_PAPER = OptimizerEntry(
    name="rmsprop-paper",
    title="RMSprop (paper)",
    summary=(
        "A moving average of the gradient divided by a moving root mean square, which one pass "
        "over the training data begins."
    ),
    reference="Goldfarb, Ren, Bahamou, NeurIPS 2020, https://arxiv.org/abs/2006.08877",
    settings=(
        learning_rate(1e-3),
        share("alpha", 0.9, summary="Decay of the mean square."),
        epsilon(),
        momentum(summary="Decay of the moving average of the gradient."),
        weight_decay(L2),
        switch(
            "warm_start",
            default=True,
            summary="One pass over the training data for the first mean square, inside the clock.",
        ),
    ),
    space={"lr": LogRange(log=(3e-4, 3e-2)), "eps": LogRange(log=(1e-8, 1e-2))},
)
