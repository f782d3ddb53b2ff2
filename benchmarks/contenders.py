"""The optimizers that the benchmarks compare: one entry of a table each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from pytorch_optimizer import SOAP, ScalableShampoo
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Muon, Optimizer

from benchmarks.autoencoder import reconstruction_loss
from benchmarks.operations import Shape, kbfgs_phases, kfac_phases
from kbfgs import KBFGS, KFAC, curvature_rows

Settings = Mapping[str, float]
Count = Callable[[Sequence[Shape], int], dict[str, int]]


@dataclass(frozen=True)
class Trainer:
    """A model with what trains it.

    Attributes:
        model: The autoencoder.
        optimizers: What holds state for it.
        step: Takes one step on a mini-batch of pictures and returns the loss before it.
        warm_start: Shows the training data once before the first step.
    """

    model: nn.Module
    optimizers: tuple[Optimizer, ...]
    step: Callable[[Tensor], Tensor]
    warm_start: Callable[[Iterable[Tensor]], None] = lambda _batches: None

    def state(self) -> dict[str, Any]:
        """What continues the training."""
        optimizers = [optimizer.state_dict() for optimizer in self.optimizers]
        return {"model": self.model.state_dict(), "optimizers": optimizers}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` gave."""
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


@dataclass(frozen=True)
class Contender:
    """One way to train.

    Attributes:
        build: Makes the trainer from a model and the settings of a point.
        points: The settings that are tried; the first one is used where only time matters.
        count: From the layers and the rows of a mini-batch to the counted operations by phase.
        early_steps: Steps that cost more than those after them.
    """

    build: Callable[[nn.Module, Settings], Trainer]
    points: tuple[Settings, ...]
    count: Count | None = None
    early_steps: int = 2


def _gradient(model: nn.Module, optimizers: Iterable[Optimizer], pictures: Tensor) -> Tensor:
    for optimizer in optimizers:
        optimizer.zero_grad()
    loss = reconstruction_loss(model(pictures), pictures)
    loss.backward()
    return loss


def _on_samples(logits: Tensor) -> Tensor:
    """The loss on pictures sampled from the model's own distribution."""
    return reconstruction_loss(logits, torch.bernoulli(logits.detach().sigmoid()))


def _first_order(model: nn.Module, *optimizers: Optimizer) -> Trainer:
    def step(pictures: Tensor) -> Tensor:
        loss = _gradient(model, optimizers, pictures)
        for optimizer in optimizers:
            optimizer.step()
        return loss.detach()

    return Trainer(model, optimizers, step)


def _sgd(model: nn.Module, settings: Settings) -> Trainer:
    return _first_order(model, torch.optim.SGD(model.parameters(), momentum=0.9, **settings))


def _adam(model: nn.Module, settings: Settings) -> Trainer:
    return _first_order(model, Adam(model.parameters(), **settings))


def _muon(model: nn.Module, settings: Settings) -> Trainer:
    """Muon for the matrices, AdamW for the biases."""
    matrices = [parameter for parameter in model.parameters() if parameter.dim() == 2]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() != 2]
    muon = Muon(matrices, lr=settings["lr"], weight_decay=0.0)
    adamw = AdamW(vectors, lr=1e-3, eps=settings["eps"], weight_decay=0.0)
    return _first_order(model, muon, adamw)


def _soap(model: nn.Module, settings: Settings) -> Trainer:
    soap = SOAP(model.parameters(), weight_decay=0.0, precondition_frequency=10, **settings)
    return _first_order(model, soap)


def _shampoo(model: nn.Module, settings: Settings) -> Trainer:
    shampoo = ScalableShampoo(
        model.parameters(),
        start_preconditioning_step=1,
        preconditioning_compute_steps=20,
        **settings,
    )
    return _first_order(model, shampoo)


_KBFGS_POINTS = tuple(
    {"lr": lr, "damping": damping}
    for lr, damping in ((0.5, 0.1), (0.3, 0.3), (1.0, 0.1), (0.3, 0.03))
)


def _kbfgs(*, fraction: float = 1.0, memory: int | None = None) -> Contender:
    """K-BFGS with the second pass on a fraction of the rows, or with limited memory."""
    options: dict[str, Any] = {}
    if fraction < 1:
        options["curvature_fraction"] = fraction
    if memory is not None:
        options["memory"] = memory

    def build(model: nn.Module, settings: Settings) -> Trainer:
        optimizer = KBFGS(model, **settings, **options)

        def step(pictures: Tensor) -> Tensor:
            def closure() -> Tensor:
                return _gradient(model, [optimizer], pictures)

            def on_first_rows() -> Tensor:
                rows = curvature_rows(fraction, len(pictures))
                return _gradient(model, [optimizer], pictures[:rows])

            return optimizer.step(closure, on_first_rows if fraction < 1 else None)

        def warm_start(batches: Iterable[Tensor]) -> None:
            with optimizer.warm_start():
                for pictures in batches:
                    model(pictures)

        return Trainer(model, (optimizer,), step, warm_start)

    count = partial(kbfgs_phases, fraction=fraction, memory=memory)
    return Contender(build, _KBFGS_POINTS, count=count)


def _kfac(model: nn.Module, settings: Settings) -> Trainer:
    optimizer = KFAC(model, **settings)

    def step(pictures: Tensor) -> Tensor:
        kept = []

        def closure() -> Tensor:
            optimizer.zero_grad()
            logits = model(pictures)
            kept.append(logits)
            loss = reconstruction_loss(logits, pictures)
            loss.backward(retain_graph=True)
            return loss

        return optimizer.step(closure, lambda: _on_samples(kept[-1]))

    def warm_start(batches: Iterable[Tensor]) -> None:
        with optimizer.warm_start(fisher_loss=_on_samples):
            for pictures in batches:
                model(pictures)

    return Trainer(model, (optimizer,), step, warm_start)


_MUON_POINTS = tuple({"lr": lr, "eps": 1e-8} for lr in (0.02, 0.003, 0.01, 0.05))


_KFAC_POINTS = tuple(
    {"lr": lr, "damping": damping}
    for lr, damping in ((1.0, 3.0), (0.3, 0.3), (1.0, 1.0), (0.3, 1.0))
)


def _points(*pairs: tuple[float, float]) -> tuple[Settings, ...]:
    return tuple({"lr": lr, "eps": eps} for lr, eps in pairs)


CONTENDERS: dict[str, Contender] = {
    "SGD": Contender(_sgd, ({"lr": 1e-4},)),
    "Adam": Contender(_adam, _points((1e-3, 1e-8), (3e-3, 1e-8), (3e-3, 1e-4), (3e-4, 1e-8))),
    "Muon": Contender(_muon, _MUON_POINTS),
    "SOAP": Contender(_soap, _points((3e-3, 1e-8), (1e-2, 1e-8), (1e-3, 1e-8), (3e-3, 1e-4))),
    "Shampoo": Contender(_shampoo, ({"lr": 1e-3},)),
    "K-BFGS": _kbfgs(),
    "K-BFGS f=0.25": _kbfgs(fraction=0.25),
    "K-BFGS f=0.1": _kbfgs(fraction=0.1),
    "K-BFGS(L)": _kbfgs(memory=100),
    "K-BFGS(L) f=0.1": _kbfgs(fraction=0.1, memory=100),
    "K-FAC": Contender(_kfac, _KFAC_POINTS, count=partial(kfac_phases, every=20), early_steps=20),
}
