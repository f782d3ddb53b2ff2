"""KFAC where a layer is applied at several positions of a sample: convolutions and sequences."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import unfold

from kbfgs import KFAC
from tests.support.fisher_closures import fisher_closures
from tests.support.networks import relative

ROWS, LR, DAMPING = 6, 0.5, 0.3


class Columns(nn.Module):
    """(rows, channels, height, width) as a sequence (rows, positions, channels)."""

    def forward(self, x):
        return x.flatten(2).transpose(1, 2)


def convolution(groups: int) -> nn.Sequential:
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=groups)
    return nn.Sequential(conv, nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(72, 3)).double()


def sequence() -> nn.Sequential:
    torch.manual_seed(0)
    modules = (Columns(), nn.Linear(4, 5), nn.Tanh(), nn.Flatten(), nn.Linear(125, 3))
    return nn.Sequential(*modules).double()


def batch(seed):
    torch.manual_seed(seed)
    return torch.randn(ROWS, 4, 5, 5).double(), torch.randn(ROWS, 3).double()


def unfolded(conv, x, group):
    """ā of one group of channels, shape (rows, positions, features + 1)."""
    width = x.shape[1] // conv.groups
    part = x[:, group * width : (group + 1) * width]
    a = unfold(part, 3, stride=conv.stride, padding=conv.padding).transpose(1, 2)
    return torch.cat([a, torch.ones_like(a[..., :1])], dim=2)


def sample_gradients(model, layer, x, targets):
    """g of each sample, shape (rows, positions, channels); `layer` is followed by the rest."""
    index = list(model).index(layer)
    found = []
    for row, target in zip(x, targets, strict=True):
        h = model[: index + 1](row[None]).detach().requires_grad_(True)
        out = model[index + 1 :](h.clone())
        (g,) = torch.autograd.grad(0.5 * ((out - target) ** 2).sum(), h)
        found.append(g[0].flatten(1).t() if g.dim() == 4 else g[0])
    return torch.stack(found)


def expected(a_bar, g, gradient):
    """A, G and the step of a first step from the paper's formulas."""
    rows, positions = a_bar.shape[:2]
    A = torch.einsum("nti,ntj->ij", a_bar, a_bar) / rows
    G = torch.einsum("nti,ntj->ij", g, g) / (rows * positions)
    root = math.sqrt(DAMPING * positions), math.sqrt(DAMPING / positions)
    inverse_A = torch.linalg.inv(A + root[0] * torch.eye(len(A), dtype=A.dtype))
    inverse_G = torch.linalg.inv(G + root[1] * torch.eye(len(G), dtype=G.dtype))
    return A, G, LR * inverse_G @ (0.1 * gradient) @ inverse_A


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_convolutions_factors_and_step_are_those_of_the_unfolded_patches(groups, warm, again):
    model = convolution(groups)
    opt = KFAC(model, lr=LR, damping=DAMPING, safeguard=None)
    (x, y), (_, sampled) = batch(1), batch(2)
    conv = model[0]
    g = sample_gradients(model, conv, x, sampled)
    if warm:
        given = iter([sampled[:4], sampled[4:]])
        with opt.warm_start(lambda out: 0.5 * ((out - next(given)) ** 2).sum(1).mean()):
            model(x[:4])
            model(x[4:])
    before = conv.weight.detach().clone(), conv.bias.detach().clone()
    opt.step(*fisher_closures(opt, model, x, y, sampled, again=again))
    layers = opt.state_dict()["kbfgs"]["layers"]
    names = [name for name in layers if name.startswith("0")]
    assert len(names) == groups
    size = 8 // groups
    for group, name in enumerate(names):
        rows = slice(group * size, (group + 1) * size)
        gradient = torch.cat([conv.weight.grad[rows].flatten(1), conv.bias.grad[rows, None]], 1)
        A, G, step = expected(unfolded(conv, x, group), g[..., rows], gradient)
        moved = torch.cat(
            [(before[0] - conv.weight)[rows].flatten(1), (before[1] - conv.bias)[rows, None]], 1
        )
        assert relative(layers[name]["input_factor"], A) < 1e-12
        assert relative(layers[name]["output_factor"], G) < 1e-12
        assert relative(moved.detach(), step) < 1e-12


@pytest.mark.parametrize("again", [False, True])
def test_a_sequences_factors_and_step_are_those_of_its_positions(again):
    model = sequence()
    opt = KFAC(model, lr=LR, damping=DAMPING, safeguard=None)
    (x, y), (_, sampled) = batch(1), batch(2)
    layer = model[1]
    a = model[0](x)
    a_bar = torch.cat([a, torch.ones_like(a[..., :1])], dim=2)
    g = sample_gradients(model, layer, x, sampled)
    before = torch.cat([layer.weight.detach(), layer.bias.detach()[:, None]], 1)
    opt.step(*fisher_closures(opt, model, x, y, sampled, again=again))
    gradient = torch.cat([layer.weight.grad, layer.bias.grad[:, None]], 1)
    A, G, step = expected(a_bar, g, gradient)
    moved = before - torch.cat([layer.weight.detach(), layer.bias.detach()[:, None]], 1)
    found = opt.state_dict()["kbfgs"]["layers"]["1"]
    assert relative(found["input_factor"], A) < 1e-12
    assert relative(found["output_factor"], G) < 1e-12
    assert relative(moved, step) < 1e-12
