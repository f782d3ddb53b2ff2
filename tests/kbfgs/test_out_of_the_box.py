"""A residual network with batch norm and a transformer with a tied output train as they are."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from kbfgs import KBFGS
from tests.support.inverses import bfgs_update_

pytestmark = pytest.mark.training


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.short = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))
        out += self.short(x)
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.blocks = nn.Sequential(Block(8, 8, 1), Block(8, 16, 2))
        self.head = nn.Linear(16, 4)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class LanguageModel(nn.Module):
    """Two transformer layers over tokens; the output's weight is the embedding's."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.place = nn.Embedding(11, 16), nn.Embedding(8, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 11, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens):
        x = self.embedding(tokens) + self.place.weight[: tokens.shape[1]]
        return self.head(self.norm(self.layers(x)))


def resnet_case():
    """Which quarter of the picture is bright."""
    labels = torch.arange(64) % 4
    x = 0.3 * torch.randn(64, 1, 8, 8)
    for row, label in enumerate(labels):
        top, left = 4 * int(label // 2), 4 * int(label % 2)
        x[row, 0, top : top + 4, left : left + 4] += 1
    return ResNet(), x, labels


def transformer_case():
    """The token three steps back, which is that of the sequence's period."""
    tokens = torch.randint(0, 11, (32, 3)).repeat(1, 3)[:, :8]
    return LanguageModel(), tokens, tokens.roll(-1, dims=1)


@pytest.mark.parametrize(
    ("make", "preconditioned"),
    [(resnet_case, "blocks.1.short"), (transformer_case, "layers.layers.1.linear2")],
    ids=["resnet", "transformer"],
)
def test_the_loss_falls_to_a_fraction_with_the_default_settings(make, preconditioned):
    torch.manual_seed(0)
    model, x, y = make()
    opt = KBFGS(model)
    with opt.warm_start():
        model(x)

    def closure():
        opt.zero_grad()
        loss = functional.cross_entropy(model(x).flatten(0, -2), y.flatten())
        loss.backward()
        return loss

    losses = [float(opt.step(closure)) for _ in range(30)]
    assert losses[-1] < 0.4 * losses[0]
    assert preconditioned in [layer.name for layer in opt.diagnostics().layers]


def test_a_pair_as_small_as_batch_norm_leaves_it_does_not_overflow_float32():
    """Batch norm makes the mean gradient in front of it vanish, up to rounding."""
    inverse = torch.eye(3)
    step = 1e-11 * torch.tensor([1.0, 2.0, -1.0])
    made = bfgs_update_(inverse, step, 0.1 * step, floor=0.0, allowed=torch.tensor(True))
    assert made
    assert torch.linalg.eigvalsh(inverse)[-1] == pytest.approx(10, rel=1e-3)


def test_batch_norm_counts_each_step_once_and_a_tied_head_is_the_embeddings():
    model, x, y = resnet_case()
    opt = KBFGS(model)

    def closure():
        opt.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        return loss

    for _ in range(3):
        opt.step(closure)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert [int(norm.num_batches_tracked) for norm in norms] == [3] * len(norms)
    tied = KBFGS(LanguageModel())
    found = {entry.name: entry.reason for entry in tied.diagnostics().first_order}
    assert found["embedding.weight"] == "shared with another module"
