"""Small layers of one shape work together, and to the same end as one by one."""

import math

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from kbfgs import KBFGS, equal_layers
from kbfgs.equal_layers import EqualLayers, group_layers
from tests.support.networks import closure_for, data, half_squared_error, relative


class Calls(TorchDispatchMode):
    """Counts operations."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


def stack():
    """Four equal matrices, of which one is that of a layer without bias, two others, and a head."""
    torch.manual_seed(0)
    layers = [nn.Linear(6, 7), nn.Linear(7, 6), nn.Linear(6, 7), nn.Linear(7, 7, bias=False)]
    layers += [nn.Linear(7, 6), nn.Linear(6, 7), nn.Linear(7, 3)]
    return nn.Sequential(*[m for layer in layers for m in (layer, nn.Tanh())][:-1]).double()


def convolutions():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Unflatten(1, (6, 3, 3)), nn.Conv2d(6, 24, 2, groups=6), nn.ReLU(), nn.Flatten(),
        nn.Linear(96, 3),
    ).double()  # fmt: skip


def groups_of(opt):
    layers = list(opt._preconditioner.layers.values())
    return [
        [layers[index].name for index in group.indices]
        for group in group_layers(layers)
        if isinstance(group, EqualLayers)
    ]


def test_equal_shapes_and_positions_make_a_group():
    assert groups_of(KBFGS(stack())) == [["0", "4", "6", "10"], ["2", "8"]]
    assert groups_of(KBFGS(convolutions())) == [[f"1[{k}]" for k in range(6)]]


def test_layers_that_are_large_or_remember_pairs_work_alone():
    assert groups_of(KBFGS(stack(), memory=5)) == []
    model = nn.Sequential(nn.Linear(200, 200), nn.Linear(200, 200), nn.Linear(127, 8))
    assert groups_of(KBFGS(model)) == []


def train(model, inputs, *, alone, monkeypatch, **options):
    """Six steps, of which one looks so bad that it is taken back, and one overflows."""
    if alone:
        monkeypatch.setattr(equal_layers, "LARGEST_SIDE", 0)
    opt = KBFGS(model, damping=0.3, **options)
    x, y = data(20, inputs, 3)
    with opt.warm_start():
        model(x)
    for spoiled in (1.0, 1.0, 1e6, 1.0, math.inf, 1.0):

        def closure(factor=spoiled):
            opt.zero_grad()
            loss = half_squared_error(model(x), y) * (factor if opt.in_second_pass else 1.0)
            loss.backward()
            return loss

        opt.step(closure)
    monkeypatch.undo()
    layers = opt.state_dict()["kbfgs"]["layers"]
    state = {(n, k): v.clone() for n, layer in layers.items() for k, v in layer.items()}
    return dict(model.state_dict()) | state


@pytest.mark.parametrize("safeguard", [True, False], ids=["rejecting", "as the paper"])
@pytest.mark.parametrize(
    ("make", "inputs"), [(stack, 6), (convolutions, 54)], ids=["stack", "convolutions"]
)
def test_together_they_come_to_the_same_state_as_one_by_one(make, inputs, safeguard, monkeypatch):
    options = {"lr": 0.1} | ({} if safeguard else {"safeguard": None})
    one = train(make(), inputs, alone=True, monkeypatch=monkeypatch, **options)
    other = train(make(), inputs, alone=False, monkeypatch=monkeypatch, **options)
    assert one.keys() == other.keys()
    for key, value in one.items():
        if "counts" in key:
            assert torch.equal(value, other[key])
        else:
            assert relative(other[key], value) < 1e-10, key


def test_a_group_takes_a_part_of_the_calls(monkeypatch):
    torch.manual_seed(0)
    counts = []
    for side in (0, 128):
        monkeypatch.setattr(equal_layers, "LARGEST_SIDE", side)
        model = nn.Sequential(*(nn.Linear(6, 6) for _ in range(12)))
        opt = KBFGS(model)
        x, _ = data(20, 6, 3, dtype=torch.float32)
        closure = closure_for(opt, model, x, x)
        opt.step(closure)
        with Calls() as calls:
            opt.step(closure)
        counts.append(calls.count)
    assert counts[1] < 0.6 * counts[0]
