"""Adam and its relatives."""

from service.contracts.catalogue.entries import OptimizerEntry
from service.contracts.catalogue.optimizers.settings import (
    DECOUPLED,
    L2,
    betas,
    epsilon,
    learning_rate,
    weight_decay,
)
from service.contracts.catalogue.setting import Setting
from service.contracts.space import LogRange

_SPACE = {"lr": LogRange(log=(3e-4, 3e-2)), "eps": LogRange(log=(1e-8, 1e-2))}

ADAM = OptimizerEntry(
    name="adam",
    title="Adam",
    summary="Adaptive moments of the gradient.",
    reference="Kingma, Ba, ICLR 2015, https://arxiv.org/abs/1412.6980",
    settings=(learning_rate(1e-3), betas(0.9, 0.999), epsilon(), weight_decay(L2)),
    space=_SPACE,
)

ADAM_PAPER = OptimizerEntry(
    name="adam-paper",
    title="Adam (paper)",
    summary="Adam with 0.9 for both decays, as in the experiments of the K-BFGS paper.",
    reference="Goldfarb, Ren, Bahamou, NeurIPS 2020, https://arxiv.org/abs/2006.08877",
    settings=(learning_rate(1e-3), betas(0.9, 0.9), epsilon(), weight_decay(L2)),
    space=_SPACE,
)

ADAMW = OptimizerEntry(
    name="adamw",
    title="AdamW",
    summary="Adam with decoupled weight decay.",
    reference="Loshchilov, Hutter, ICLR 2019, https://arxiv.org/abs/1711.05101",
    settings=(learning_rate(1e-3), betas(0.9, 0.999), epsilon(), weight_decay(DECOUPLED, 1e-2)),
    space=_SPACE,
)

NADAMW = OptimizerEntry(
    name="nadamw",
    title="NAdamW",
    summary="AdamW with Nesterov's momentum.",
    reference="Dozat, 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ",
    settings=(
        learning_rate(2e-3),
        betas(0.9, 0.999),
        epsilon(),
        weight_decay(DECOUPLED),
        Setting(
            name="momentum_decay",
            kind="float",
            default=4e-3,
            summary="How fast the first decay rises to its value.",
            at_least=0,
        ),
    ),
    space=_SPACE,
)
