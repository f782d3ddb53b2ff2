"""K-FAC transcribed in float64 with given targets: explicit sums, no sharing with the package.

Martens, Grosse, Optimizing Neural Networks with Kronecker-factored Approximate Curvature (2015),
with moving averages, damping √λ on each factor and the gradient's moving average.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass
class FisherState:
    """The weights W̄ = [W b] of each layer and everything the method remembers."""

    weights: list[Tensor]
    momentum: list[Tensor]
    A: list[Tensor | None]
    G: list[Tensor | None]
    A_inverse: list[Tensor]
    G_inverse: list[Tensor]
    steps: int = 0


@dataclass
class Fisher:
    """A fully connected network with ReLU between its layers, and the method's settings."""

    loss: Loss
    lr: float
    damping: float
    beta: float = 0.9
    weight_decay: float = 0.0
    inverse_every: int = 20

    def initial(self, weights: list[Tensor]) -> FisherState:
        return FisherState(
            weights=[W.clone() for W in weights],
            momentum=[torch.zeros_like(W) for W in weights],
            A=[None for _ in weights],
            G=[None for _ in weights],
            A_inverse=[torch.zeros(W.shape[1], W.shape[1], dtype=W.dtype) for W in weights],
            G_inverse=[torch.zeros(W.shape[0], W.shape[0], dtype=W.dtype) for W in weights],
        )

    def warm_start(
        self, state: FisherState, batches: list[Tensor], sampled: list[Tensor] | None
    ) -> None:
        rows = sum(len(batch) for batch in batches)
        for layer, W in enumerate(state.weights):
            A = torch.zeros(W.shape[1], W.shape[1], dtype=W.dtype)
            G = torch.zeros(W.shape[0], W.shape[0], dtype=W.dtype)
            for index, batch in enumerate(batches):
                targets = batch if sampled is None else sampled[index]
                if sampled is None:
                    a_bar = self.run(state.weights, batch)[0]
                else:
                    a_bar, g = self.samples(state.weights, batch, targets)
                    for row in g[layer]:
                        G += torch.outer(row, row) / rows
                for row in a_bar[layer]:
                    A += torch.outer(row, row) / rows
            state.A[layer] = A
            if sampled is not None:
                state.G[layer] = G

    def run(self, weights: list[Tensor], inputs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Each layer's ā and h, with a row for each sample."""
        a_bar, h = [], []
        a = inputs
        for layer, W in enumerate(weights):
            a_bar.append(torch.cat([a, torch.ones(len(a), 1, dtype=a.dtype)], dim=1))
            h.append(a_bar[-1] @ W.T)
            a = torch.relu(h[-1]) if layer < len(weights) - 1 else h[-1]
        return a_bar, h

    def samples(
        self, weights: list[Tensor], inputs: Tensor, targets: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Each layer's ā and g, sample by sample."""
        a_bars: list[list[Tensor]] = [[] for _ in weights]
        gs: list[list[Tensor]] = [[] for _ in weights]
        for x, t in zip(inputs, targets, strict=True):
            tracked = [W.clone().requires_grad_(True) for W in weights]
            a_bar, h = self.run(tracked, x[None])
            found = torch.autograd.grad(self.loss(h[-1], t[None]), h)
            for layer in range(len(weights)):
                a_bars[layer].append(a_bar[layer][0].detach())
                gs[layer].append(found[layer][0])
        return [torch.stack(rows) for rows in a_bars], [torch.stack(rows) for rows in gs]

    def step(self, state: FisherState, inputs: Tensor, targets: Tensor, sampled: Tensor) -> None:
        beta, n = self.beta, len(inputs)
        tracked = [W.clone().requires_grad_(True) for W in state.weights]
        found = torch.autograd.grad(self.loss(self.run(tracked, inputs)[1][-1], targets), tracked)
        a_bar, g = self.samples(state.weights, inputs, sampled)
        for layer, W in enumerate(state.weights):
            gradient = found[layer] + self.weight_decay * W
            state.momentum[layer] = beta * state.momentum[layer] + (1 - beta) * gradient
            new_A = torch.einsum("ni,nj->ij", a_bar[layer], a_bar[layer]) / n
            new_G = torch.einsum("ni,nj->ij", g[layer], g[layer]) / n
            state.A[layer] = self.average(state.A[layer], new_A, first=state.steps == 0)
            state.G[layer] = self.average(state.G[layer], new_G, first=state.steps == 0)
            if state.steps < 20 or state.steps % self.inverse_every == 0:
                state.A_inverse[layer] = self.inverse(state.A[layer])
                state.G_inverse[layer] = self.inverse(state.G[layer])
            step = state.G_inverse[layer] @ state.momentum[layer] @ state.A_inverse[layer]
            state.weights[layer] = W - self.lr * step
        state.steps += 1

    def average(self, old: Tensor | None, new: Tensor, *, first: bool) -> Tensor:
        if old is None:
            return new
        return old if first else self.beta * old + (1 - self.beta) * new

    def inverse(self, factor: Tensor) -> Tensor:
        damped = factor + math.sqrt(self.damping) * torch.eye(len(factor), dtype=factor.dtype)
        return torch.linalg.inv(damped)
