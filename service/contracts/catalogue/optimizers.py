"""The optimizers that come with the product."""

from service.contracts.catalogue.entries import OptimizerEntry, Setting
from service.contracts.space import LogRange


def _learning_rate(default: float) -> Setting:
    return Setting(name="lr", kind="float", default=default, summary="Learning rate.", above=0)


_MOMENTUM = Setting(
    name="momentum", kind="float", default=0.9, summary="Momentum.", at_least=0, below=1
)
_WEIGHT_DECAY = Setting(
    name="weight_decay",
    kind="float",
    default=0.0,
    summary="Times the weights, added to the gradient.",
    at_least=0,
)
_EPSILON = Setting(
    name="eps", kind="float", default=1e-8, summary="Added to the denominator.", above=0
)

KBFGS = OptimizerEntry(
    name="kbfgs",
    title="K-BFGS",
    summary="Kronecker-factored quasi-Newton: dense factors, double damping, Hessian action.",
    reference="Goldfarb, Ren, Bahamou, NeurIPS 2020, arXiv:2006.08877",
    settings=(
        _learning_rate(0.3),
        Setting(
            name="damping",
            kind="float",
            default=0.3,
            summary="Damping of the curvature; each factor gets its square root.",
            above=0,
        ),
        _MOMENTUM,
        Setting(
            name="factor_decay",
            kind="float",
            default=0.9,
            summary="Decay of the moving averages of the curvature.",
            at_least=0,
            below=1,
        ),
        _WEIGHT_DECAY,
        Setting(
            name="powell",
            kind="float",
            default=0.2,
            summary="Share of the old curvature that Powell's damping keeps.",
            above=0,
            below=1,
        ),
        Setting(
            name="other_lr",
            kind="float",
            default=1e-3,
            summary="Learning rate of parameters without curvature (AdamW).",
            above=0,
        ),
        Setting(
            name="safeguard",
            kind="bool",
            default=True,
            summary="Cap steps that would overshoot; off is the paper exactly.",
        ),
        Setting(
            name="warm_start",
            kind="bool",
            default=True,
            summary="One pass over the training data for the first curvature, inside the clock.",
        ),
    ),
    space={"lr": LogRange(log=(2e-2, 2.0)), "damping": LogRange(log=(3e-3, 1.0))},
)

ADAM = OptimizerEntry(
    name="adam",
    title="Adam",
    summary="Adaptive moments of the gradient.",
    reference="Kingma, Ba, ICLR 2015, arXiv:1412.6980",
    settings=(
        _learning_rate(1e-3),
        Setting(
            name="betas",
            kind="floats",
            default=(0.9, 0.999),
            summary="Decay of the first and the second moment.",
            at_least=0,
            below=1,
        ),
        _EPSILON,
        _WEIGHT_DECAY,
    ),
    space={"lr": LogRange(log=(3e-4, 3e-2)), "eps": LogRange(log=(1e-8, 1e-2))},
)

RMSPROP = OptimizerEntry(
    name="rmsprop",
    title="RMSprop",
    summary="Gradients divided by a moving root mean square.",
    reference="Tieleman, Hinton, Coursera lecture 6.5, 2012",
    settings=(
        _learning_rate(1e-2),
        Setting(
            name="alpha",
            kind="float",
            default=0.99,
            summary="Decay of the mean square.",
            at_least=0,
            below=1,
        ),
        _EPSILON,
        _MOMENTUM.model_copy(update={"default": 0.0}),
        _WEIGHT_DECAY,
    ),
    space={"lr": LogRange(log=(5e-5, 5e-3)), "eps": LogRange(log=(1e-8, 1e-2))},
)

SGD = OptimizerEntry(
    name="sgd",
    title="SGD with momentum",
    summary="Stochastic gradient descent with heavy-ball momentum.",
    reference="Polyak, 1964; torch.optim.SGD",
    settings=(_learning_rate(1e-2), _MOMENTUM, _WEIGHT_DECAY),
    space={"lr": LogRange(log=(3e-4, 3e-2))},
)

OPTIMIZERS = (KBFGS, ADAM, RMSPROP, SGD)
