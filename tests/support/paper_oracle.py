"""K-BFGS transcribed from the paper in float64: explicit loops, no sharing with the package.

Goldfarb, Ren, Bahamou, Practical Quasi-Newton Methods for Training Deep Neural Networks (2020).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass
class PaperState:
    """The weights W̄ = [W b] of each layer and everything the method remembers."""

    weights: list[Tensor]
    momentum: list[Tensor]
    A: list[Tensor]
    H_a: list[Tensor]
    H_g: list[Tensor]
    s: list[Tensor]
    y: list[Tensor]
    pairs: list[list[tuple[Tensor, Tensor]]]
    steps: int = 0
    warm: bool = False


@dataclass
class Paper:
    """A fully connected network with ReLU between its layers, and the method's settings.

    With `memory`, H_g is the identity updated by the last pairs alone, made anew in each step. The
    other switches leave a part of the method out.
    """

    loss: Loss
    lr: float = 0.3
    damping: float = 0.3
    beta: float = 0.9
    weight_decay: float = 0.0
    fraction: float = 1.0
    update_every: int = 1
    mu_1: float = 0.2
    memory: int | None = None
    identity_output: bool = False
    inverse_every: int | None = None
    powell: bool = True
    identity: bool = True
    log: dict[str, int] = field(default_factory=lambda: {"powell": 0, "identity": 0, "skipped": 0})

    def initial(self, weights: list[Tensor]) -> PaperState:
        zeros = torch.zeros
        return PaperState(
            weights=[W.clone() for W in weights],
            momentum=[torch.zeros_like(W) for W in weights],
            A=[zeros(W.shape[1], W.shape[1], dtype=W.dtype) for W in weights],
            H_a=[zeros(W.shape[1], W.shape[1], dtype=W.dtype) for W in weights],
            H_g=[torch.eye(W.shape[0], dtype=W.dtype) for W in weights],
            s=[zeros(W.shape[0], dtype=W.dtype) for W in weights],
            y=[zeros(W.shape[0], dtype=W.dtype) for W in weights],
            pairs=[[] for _ in weights],
        )

    def warm_start(self, state: PaperState, batches: list[Tensor]) -> None:
        for layer in range(len(state.weights)):
            total = torch.zeros_like(state.A[layer])
            rows = 0
            for inputs in batches:
                for a in self.run(state.weights, inputs)[0][layer]:
                    total = total + torch.outer(a, a)
                    rows += 1
            self.set_A(state, layer, total / rows)
        state.warm = True

    def set_A(self, state: PaperState, layer: int, A: Tensor) -> None:
        state.A[layer] = A
        eye = torch.eye(len(A), dtype=A.dtype)
        state.H_a[layer] = torch.linalg.inv(A + math.sqrt(self.damping) * eye)

    def run(self, weights: list[Tensor], inputs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Each layer's ā and h, with a row for each sample."""
        a_bar, h = [], []
        a = inputs
        for layer, W in enumerate(weights):
            a_bar.append(torch.cat([a, torch.ones(len(a), 1, dtype=a.dtype)], dim=1))
            h.append(a_bar[-1] @ W.T)
            a = torch.relu(h[-1]) if layer < len(weights) - 1 else h[-1]
        return a_bar, h

    def gradients(
        self, weights: list[Tensor], inputs: Tensor, targets: Tensor, rows: int | None = None
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
        """∇W̄, all ā, and the means of h and g over the first rows of the mini-batch."""
        weights = [W.detach().clone().requires_grad_(True) for W in weights]
        a_bar, h = self.run(weights, inputs)
        loss = self.loss(h[-1], targets)
        found = torch.autograd.grad(loss, weights + h)
        grad_W, grad_h = found[: len(weights)], found[len(weights) :]
        g = [len(inputs) * grad for grad in grad_h]
        return (
            list(grad_W),
            [a.detach() for a in a_bar],
            [each.detach()[:rows].mean(0) for each in h],
            [each[:rows].mean(0) for each in g],
        )

    def step(self, state: PaperState, inputs: Tensor, targets: Tensor) -> None:
        beta, root = self.beta, math.sqrt(self.damping)
        L = range(len(state.weights))
        C = math.ceil(self.fraction * len(inputs))
        grad, a_bar, h, g = self.gradients(state.weights, inputs, targets, C)
        learns = state.steps % self.update_every == 0
        for layer in L:
            total = grad[layer] + self.weight_decay * state.weights[layer]
            state.momentum[layer] = beta * state.momentum[layer] + (1 - beta) * total
        for layer in L:
            new = a_bar[layer][:C].T @ a_bar[layer][:C] / C
            if state.steps == 0 and not state.warm:
                self.set_A(state, layer, new)
            elif state.steps > 0 and learns:
                state.A[layer] = beta * state.A[layer] + (1 - beta) * new
            if self.inverse_every is not None and state.steps % self.inverse_every == 0:
                self.set_A(state, layer, state.A[layer])
        for layer in L:
            step = state.H_g[layer] @ state.momentum[layer] @ state.H_a[layer]
            state.weights[layer] = state.weights[layer] - self.lr * step
        _, _, h_new, g_new = self.gradients(state.weights, inputs[:C], targets[:C])
        for layer in L if learns else ():
            state.s[layer] = beta * state.s[layer] + (1 - beta) * (h_new[layer] - h[layer])
            state.y[layer] = beta * state.y[layer] + (1 - beta) * (g_new[layer] - g[layer])
            s, y = self.damp(state.s[layer], state.y[layer], state.H_g[layer])
            if s @ y <= 1e-4 * (s @ s) * g[layer].norm():
                self.log["skipped"] += 1
            elif not self.identity_output:
                self.take(state, layer, s, y)
            if self.inverse_every is not None:
                continue
            s_a = state.H_a[layer] @ a_bar[layer].mean(0)
            y_a = state.A[layer] @ s_a + root * s_a
            state.H_a[layer] = self.bfgs(state.H_a[layer], s_a, y_a)
        state.steps += 1

    def take(self, state: PaperState, layer: int, s: Tensor, y: Tensor) -> None:
        """BFGS of H_g by one more pair, all of them or the last ones."""
        if self.memory is None:
            state.H_g[layer] = self.bfgs(state.H_g[layer], s, y)
            return
        state.pairs[layer] = [*state.pairs[layer], (s, y)][-self.memory :]
        state.H_g[layer] = torch.eye(len(s), dtype=s.dtype)
        for each_s, each_y in state.pairs[layer]:
            state.H_g[layer] = self.bfgs(state.H_g[layer], each_s, each_y)

    def damp(self, s: Tensor, y: Tensor, H: Tensor) -> tuple[Tensor, Tensor]:
        mu_2 = min(math.sqrt(self.damping), 0.9)
        yHy = y @ H @ y
        if self.powell and s @ y < self.mu_1 * yHy:
            theta = (1 - self.mu_1) * yHy / (yHy - s @ y)
            s = theta * s + (1 - theta) * (H @ y)
            self.log["powell"] += 1
        if self.identity and s @ y < mu_2 * (s @ s):
            theta = (1 - mu_2) * (s @ s) / (s @ s - s @ y)
            y = theta * y + (1 - theta) * s
            self.log["identity"] += 1
        return s, y

    @staticmethod
    def bfgs(H: Tensor, s: Tensor, y: Tensor) -> Tensor:
        rho = 1 / (s @ y)
        left = torch.eye(len(s), dtype=s.dtype) - rho * torch.outer(s, y)
        return left @ H @ left.T + rho * torch.outer(s, s)

    def clone(self, state: PaperState) -> PaperState:
        return copy.deepcopy(state)
