"""Methods for the weights as matrices, from torch.optim and pytorch-optimizer."""

from service.contracts.catalogue.entries import OptimizerEntry
from service.contracts.catalogue.optimizers.settings import (
    DECOUPLED,
    betas,
    count,
    epsilon,
    learning_rate,
    momentum,
    other_learning_rate,
    switch,
    weight_decay,
)
from service.contracts.catalogue.setting import Setting
from service.contracts.space import LogRange

MUON = OptimizerEntry(
    name="muon",
    title="Muon",
    summary=(
        "Orthogonalized momentum for two-dimensional weights; AdamW for all others and for "
        "embeddings."
    ),
    reference="Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/; torch.optim.Muon",
    settings=(
        learning_rate(1e-3),
        momentum(0.95),
        switch("nesterov", default=True, summary="Nesterov's momentum."),
        count(
            "ns_steps",
            5,
            summary="Newton-Schulz iterations of each orthogonalization.",
            at_most=99,
        ),
        Setting(
            name="adjust_lr_fn",
            kind="choice",
            default="original",
            summary="How lr is scaled by a weight's shape.",
            choices=("original", "match_rms_adamw"),
        ),
        weight_decay(DECOUPLED, 1e-1),
        other_learning_rate("Learning rate of AdamW."),
    ),
    space={"lr": LogRange(log=(1e-3, 1e-1)), "other_lr": LogRange(log=(3e-4, 3e-2))},
)

SOAP = OptimizerEntry(
    name="soap",
    title="SOAP",
    summary="Adam in the eigenbasis of Shampoo's preconditioner.",
    reference="Vyas et al., ICLR 2025, https://arxiv.org/abs/2409.11321; pytorch-optimizer",
    settings=(
        learning_rate(3e-3),
        betas(0.95, 0.95),
        epsilon(),
        weight_decay(DECOUPLED, 1e-2),
        count("precondition_frequency", 10, summary="Steps from one eigenbasis to the next."),
    ),
    space={"lr": LogRange(log=(3e-4, 3e-2)), "eps": LogRange(log=(1e-8, 1e-2))},
)

SHAMPOO = OptimizerEntry(
    name="shampoo",
    title="Shampoo",
    summary=(
        "Inverse roots of the gradients' second moments on each side, in steps as long as SGD's."
    ),
    reference=(
        "Gupta, Koren, Singer, ICML 2018, https://arxiv.org/abs/1802.09568; pytorch-optimizer"
    ),
    settings=(
        learning_rate(1e-3),
        betas(0.9, 0.999),
        weight_decay(DECOUPLED),
        count(
            "preconditioning_compute_steps", 20, summary="Steps from one inverse root to the next."
        ),
        Setting(
            name="matrix_eps",
            kind="float",
            default=1e-6,
            summary="Added to the diagonals, relative to the largest eigenvalue.",
            above=0,
        ),
    ),
    space={"lr": LogRange(log=(3e-4, 3e-1)), "matrix_eps": LogRange(log=(1e-8, 1e-3))},
)
