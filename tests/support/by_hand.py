"""The problems' networks and losses once more, in numpy and float64, from raw arrays."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import erf, logsumexp

Floats = npt.NDArray[np.float64]
Weights = Mapping[str, npt.NDArray[Any]]


def affine(x: Floats, weights: Weights, name: str) -> Floats:
    """x Wᵀ + b."""
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def perceptron(x: Floats, weights: Weights, *, linear: Sequence[int] = ()) -> Floats:
    """The layers of a sequence in their order, with max(0, ·) after all but the last and `linear`.

    Layers are counted from 0; their names are the sequence's numbers.
    """
    names = sorted((name.removesuffix(".weight") for name in weights if "weight" in name), key=int)
    for index, name in enumerate(names):
        x = affine(x, weights, name)
        if index < len(names) - 1 and index not in linear:
            x = np.maximum(x, 0)
    return x


def convolution(x: Floats, kernel: npt.NDArray[Any], *, stride: int = 1) -> Floats:
    """3×3 with one zero around the picture; x (rows, channels, height, width)."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    patches = windows[:, :, ::stride, ::stride]
    return np.einsum("nchwij,ocij->nohw", patches, kernel, optimize=True)


def pooled(x: Floats) -> Floats:
    """The largest of each 2×2 pixels."""
    rows, channels, height, width = x.shape
    return x.reshape(rows, channels, height // 2, 2, width // 2, 2).max((3, 5))


def first_batch_norm(x: Floats) -> Floats:
    """Batch norm that has seen nothing, in eval mode: running mean 0, variance 1."""
    return x / np.sqrt(1 + 1e-5)


def resnet(x: Floats, weights: Weights) -> Floats:
    """ResNet-20 with first batch norms: 16, 32 and 64 channels, shortcuts padded with zeros."""
    kernels = [value for name, value in weights.items() if value.ndim == 4]
    x = np.maximum(first_batch_norm(convolution(x, kernels[0])), 0)
    for block in range(9):
        first, second = kernels[1 + 2 * block : 3 + 2 * block]
        stride = 2 if block in (3, 6) else 1
        inner = np.maximum(first_batch_norm(convolution(x, first, stride=stride)), 0)
        inner = first_batch_norm(convolution(inner, second))
        shortcut = np.zeros_like(inner)
        shortcut[:, : x.shape[1]] = x[:, :, ::stride, ::stride]
        x = np.maximum(inner + shortcut, 0)
    return affine(x.mean((2, 3)), weights, "classifier")


def layer_norm(x: Floats, weights: Weights, name: str) -> Floats:
    """(x − mean) / √(variance + 1e-5) over the features, scaled and moved."""
    centred = x - x.mean(-1, keepdims=True)
    normed = centred / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return normed * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def attention(x: Floats, weights: Weights, name: str, *, heads: int) -> Floats:
    """softmax(q kᵀ / √d) v of each head, over each place and those before it."""
    rows, length, width = x.shape
    parts = np.split(affine(x, weights, f"{name}.queries_keys_values"), 3, axis=-1)
    q, k, v = (part.reshape(rows, length, heads, width // heads) for part in parts)
    scores = np.einsum("nihd,njhd->nhij", q, k) / np.sqrt(width // heads)
    scores = np.where(np.tril(np.ones((length, length), dtype=bool)), scores, -np.inf)
    shares = np.exp(scores - logsumexp(scores, axis=-1, keepdims=True))
    gathered = np.einsum("nhij,njhd->nihd", shares, v).reshape(rows, length, width)
    return affine(gathered, weights, f"{name}.attended")


def transformer(codes: npt.NDArray[Any], weights: Weights, *, blocks: int, heads: int) -> Floats:
    """Embeddings, blocks with layer norm first, and the embeddings as the output layer."""
    x = weights["characters.weight"][codes] + weights["positions.weight"][: codes.shape[1]]
    for block in range(blocks):
        name = f"blocks.{block}"
        x = x + attention(
            layer_norm(x, weights, f"{name}.attention_norm"), weights, name, heads=heads
        )
        inner = affine(
            layer_norm(x, weights, f"{name}.perceptron.0"), weights, f"{name}.perceptron.1"
        )
        gelu = inner * (1 + erf(inner / np.sqrt(2))) / 2
        x = x + affine(gelu, weights, f"{name}.perceptron.3")
    return layer_norm(x, weights, "norm") @ weights["characters.weight"].T


def bernoulli_loss(logits: Floats, targets: npt.NDArray[Any]) -> float:
    """Mean over rows of Σ −t ln p − (1 − t) ln(1 − p), p = 1 / (1 + e^−logit)."""
    ones, zeros = np.logaddexp(0, -logits), np.logaddexp(0, logits)
    return float((targets * ones + (1 - targets) * zeros).sum(1).mean())


def squared_loss(outputs: Floats, targets: npt.NDArray[Any]) -> float:
    """Mean over rows of half the squared distance."""
    return float((0.5 * (outputs - targets) ** 2).sum(1).mean())


def class_loss(logits: Floats, classes: npt.NDArray[Any]) -> float:
    """Mean over rows and places of −ln softmax(logits)[class]."""
    logs = logits - logsumexp(logits, axis=-1, keepdims=True)
    return float(-np.take_along_axis(logs, classes[..., None].astype(int), axis=-1).mean())
