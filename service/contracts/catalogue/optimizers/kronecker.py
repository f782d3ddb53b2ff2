"""The optimizers of the kbfgs library: Kronecker factors for linear layers and convolutions."""

from service.contracts.catalogue.entries import OptimizerEntry
from service.contracts.catalogue.optimizers.settings import (
    count,
    learning_rate,
    momentum,
    other_learning_rate,
    share,
    switch,
    weight_decay,
)
from service.contracts.catalogue.setting import Setting
from service.contracts.space import LogRange

_MOMENTUM = momentum(summary="Decay of the moving average of the gradient.")
_WEIGHT_DECAY = weight_decay(
    "Times the weights, added to the gradient (L2); decoupled for parameters without curvature."
)
_OTHER_LR = other_learning_rate("Learning rate of parameters without curvature (AdamW).")


def _damping(default: float) -> Setting:
    return Setting(
        name="damping",
        kind="float",
        default=default,
        summary="Damping of the curvature; each factor gets its square root.",
        above=0,
    )


_KBFGS_SETTINGS = (
    learning_rate(0.3),
    _damping(0.3),
    _MOMENTUM,
    share("factor_decay", 0.9, summary="Decay of the moving averages of the curvature."),
    _WEIGHT_DECAY,
    Setting(
        name="powell",
        kind="float",
        default=0.2,
        summary="Share of the old curvature that Powell's damping keeps.",
        above=0,
        below=1,
    ),
    _OTHER_LR,
    switch(
        "safeguard",
        default=True,
        summary="Cap steps that would overshoot; off is the paper exactly.",
    ),
    Setting(
        name="curvature_fraction",
        kind="float",
        default=1.0,
        summary="Part of the mini-batch, its first rows, that the curvature is learned from.",
        above=0,
        at_most=1,
    ),
    count("update_every", 1, summary="Steps from one update of the curvature to the next."),
    switch(
        "warm_start",
        default=True,
        summary="One pass over the training data for the first curvature, inside the clock.",
    ),
)
_KBFGS_REFERENCE = "Goldfarb, Ren, Bahamou, NeurIPS 2020, https://arxiv.org/abs/2006.08877"
_KBFGS_SPACE = {"lr": LogRange(log=(2e-2, 2.0)), "damping": LogRange(log=(3e-3, 1.0))}

KBFGS = OptimizerEntry(
    name="kbfgs",
    title="K-BFGS",
    summary="Kronecker-factored quasi-Newton: dense factors, double damping, Hessian action.",
    reference=_KBFGS_REFERENCE,
    settings=_KBFGS_SETTINGS,
    space=_KBFGS_SPACE,
)

KBFGS_L = OptimizerEntry(
    name="kbfgs-l",
    title="K-BFGS(L)",
    summary="K-BFGS with limited memory: the last pairs instead of a matrix on the output side.",
    reference=_KBFGS_REFERENCE,
    settings=(*_KBFGS_SETTINGS, count("memory", 100, summary="Pairs that are remembered.")),
    space=_KBFGS_SPACE,
)

KFAC = OptimizerEntry(
    name="kfac",
    title="K-FAC",
    summary=(
        "Kronecker-factored Fisher information: targets sampled from the model's own "
        "distribution, factors inverted every few steps."
    ),
    reference="Martens, Grosse, ICML 2015, https://arxiv.org/abs/1503.05671",
    settings=(
        learning_rate(1.0),
        _damping(3.0),
        _MOMENTUM,
        share("factor_decay", 0.9, summary="Decay of the moving averages of the factors."),
        _WEIGHT_DECAY,
        count(
            "inverse_every", 20, summary="Steps between inversions, after 20 steps with one each."
        ),
        _OTHER_LR,
        switch(
            "safeguard", default=True, summary="Cap steps that would overshoot; off is plain K-FAC."
        ),
        switch(
            "warm_start",
            default=True,
            summary="One pass over the training data for the first factors, inside the clock.",
        ),
    ),
    space={"lr": LogRange(log=(5e-2, 5.0)), "damping": LogRange(log=(3e-2, 10.0))},
)
