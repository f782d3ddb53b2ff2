"""K-BFGS with matrices that are applied at many positions of a sample, in float64.

Ren, Bahamou, Goldfarb, Kronecker-factored Quasi-Newton Methods for Deep Learning (2021): the sums
over samples and positions are written as loops, patches are cut out one by one, and nothing is
shared with the package.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tests.support.paper_oracle import Paper, PaperState

Apply = Callable[[int, Tensor], Tensor]


def padded(images: Tensor, amount: tuple[int, int], mode: str) -> Tensor:
    """The images with a border, one index at a time."""
    height, width = images.shape[2:]
    rows = []
    for i in range(-amount[0], height + amount[0]):
        row = [pixel(images, i, j, mode) for j in range(-amount[1], width + amount[1])]
        rows.append(torch.stack(row, dim=-1))
    return torch.stack(rows, dim=-2)


def pixel(images: Tensor, i: int, j: int, mode: str) -> Tensor:
    height, width = images.shape[2:]
    inside = 0 <= i < height and 0 <= j < width
    if mode == "circular":
        i, j = i % height, j % width
    elif mode == "reflect":
        i, j = (height - 1) - abs(height - 1 - abs(i)), (width - 1) - abs(width - 1 - abs(j))
    elif not inside:
        return torch.zeros_like(images[:, :, 0, 0])
    return images[:, :, i, j]


def patches(
    images: Tensor,
    kernel: tuple[int, int],
    *,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    dilation: tuple[int, int] = (1, 1),
    mode: str = "zeros",
) -> tuple[Tensor, tuple[int, int]]:
    """The patches (samples, positions, channels x kernel), and the size of the output."""
    images = padded(images, padding, mode)
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    tops = range(0, images.shape[2] - reach[0] + 1, stride[0])
    lefts = range(0, images.shape[3] - reach[1] + 1, stride[1])
    found = []
    for top in tops:
        for left in lefts:
            cut = [
                images[:, channel, top + u * dilation[0], left + v * dilation[1]]
                for channel in range(images.shape[1])
                for u in range(kernel[0])
                for v in range(kernel[1])
            ]
            found.append(torch.stack(cut, dim=1))
    return torch.stack(found, dim=1), (len(tops), len(lefts))


def image(rows: Tensor, size: tuple[int, int]) -> Tensor:
    """(samples, positions, channels) as (samples, channels, height, width)."""
    return rows.transpose(1, 2).reshape(len(rows), rows.shape[2], *size)


@dataclass
class PositionsPaper(Paper):
    """A network given by a function that applies the matrices by number."""

    network: Callable[[Apply, Tensor], Tensor] | None = None

    def observe(
        self, weights: list[Tensor], inputs: Tensor, targets: Tensor
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
        """∇W̄, and for each matrix ā, h and g as (samples, positions, ·)."""
        weights = [W.detach().clone().requires_grad_(True) for W in weights]
        a_bar: list[list[Tensor]] = [[] for _ in weights]
        h: list[list[Tensor]] = [[] for _ in weights]

        def apply(layer: int, a: Tensor) -> Tensor:
            a_bar[layer].append(torch.cat([a, torch.ones(*a.shape[:2], 1, dtype=a.dtype)], dim=2))
            h[layer].append(torch.einsum("oi,nti->nto", weights[layer], a_bar[layer][-1]))
            return h[layer][-1]

        assert self.network is not None
        loss = self.loss(self.network(apply, inputs), targets)
        calls = [each for layer in h for each in layer]
        found = list(torch.autograd.grad(loss, weights + calls))
        grad_W, grad_h = found[: len(weights)], found[len(weights) :]
        g = []
        for layer in h:
            own, grad_h = grad_h[: len(layer)], grad_h[len(layer) :]
            g.append(len(inputs) * torch.cat(own, dim=1))
        return (
            grad_W,
            [torch.cat(each, dim=1).detach() for each in a_bar],
            [torch.cat(each, dim=1).detach() for each in h],
            g,
        )

    def second_moment(self, a_bar: Tensor) -> Tensor:
        """Mean over samples of the sum over positions of ā_t ā_tᵀ."""
        total = torch.zeros(a_bar.shape[2], a_bar.shape[2], dtype=a_bar.dtype)
        for sample in a_bar:
            for a in sample:
                total = total + torch.outer(a, a)
        return total / len(a_bar)

    def set_factor(self, state: PaperState, layer: int, A: Tensor, positions: int) -> None:
        state.A[layer] = A
        eye = torch.eye(len(A), dtype=A.dtype)
        state.H_a[layer] = torch.linalg.inv(
            A + math.sqrt(self.damping) * math.sqrt(positions) * eye
        )

    def step(self, state: PaperState, inputs: Tensor, targets: Tensor) -> None:
        beta = self.beta
        layers = range(len(state.weights))
        grad, a_bar, h, g = self.observe(state.weights, inputs, targets)
        for k in layers:
            total = grad[k] + self.weight_decay * state.weights[k]
            state.momentum[k] = beta * state.momentum[k] + (1 - beta) * total
            new = self.second_moment(a_bar[k])
            if state.steps == 0 and not state.warm:
                self.set_factor(state, k, new, a_bar[k].shape[1])
            elif state.steps > 0:
                state.A[k] = beta * state.A[k] + (1 - beta) * new
            move = state.H_g[k] @ state.momentum[k] @ state.H_a[k]
            state.weights[k] = state.weights[k] - self.lr * move
        _, _, h_new, g_new = self.observe(state.weights, inputs, targets)
        for k in layers:
            positions = h[k].shape[1]
            change_h = (h_new[k] - h[k]).mean((0, 1))
            change_g = (g_new[k] - g[k]).mean((0, 1))
            state.s[k] = beta * state.s[k] + (1 - beta) * change_h
            state.y[k] = beta * state.y[k] + (1 - beta) * change_g
            s, y = self.damp_at(state.s[k], state.y[k], state.H_g[k], positions)
            if s @ y <= 1e-4 * (s @ s) * g[k].mean((0, 1)).norm():
                self.log["skipped"] += 1
            else:
                state.H_g[k] = self.bfgs(state.H_g[k], s, y)
            s_a = state.H_a[k] @ a_bar[k].mean((0, 1))
            y_a = state.A[k] @ s_a + math.sqrt(self.damping) * math.sqrt(positions) * s_a
            state.H_a[k] = self.bfgs(state.H_a[k], s_a, y_a)
        state.steps += 1

    def damp_at(self, s: Tensor, y: Tensor, H: Tensor, positions: int) -> tuple[Tensor, Tensor]:
        """Double damping with λ_G = √λ / √|T| as its second threshold."""
        whole = Paper(self.loss, damping=self.damping / positions, mu_1=self.mu_1, log=self.log)
        return whole.damp(s, y, H)
