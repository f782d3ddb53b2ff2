"""Layers work together, and to the same end as one by one."""

import math

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from kbfgs import KBFGS, Ablation, preconditioner
from kbfgs.curvature.dense import DenseInverse
from kbfgs.layer_group import LayerGroup, group_layers, plans
from kbfgs.preconditioned import LayerKind
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


class Cast(nn.Module):
    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype

    def forward(self, x):
        return x.to(self.dtype)


def unequal(last=torch.float64):
    """Layers of five shapes, the last three in a dtype of their own."""
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 5), nn.Tanh()).double()
    head = nn.Sequential(nn.Linear(5, 11), nn.Tanh(), nn.Linear(11, 4), nn.Tanh(), nn.Linear(4, 3))
    return nn.Sequential(body, Cast(last), head.to(last), Cast(torch.float64))


def one_by_one(layers):
    return [
        LayerGroup(layers, plan._replace(indices=[index]))
        for index, layer in enumerate(layers)
        for plan in plans((layer.kind,))
    ]


def runs_of(opt):
    """The names of the layers that share their products of matrices."""
    layers = list(opt._preconditioner.layers.values())
    runs = [
        [layer.name for layer in group.pick(layers)][run]
        for group in group_layers(layers)
        for run in group.runs
    ]
    return [run for run in runs if len(run) > 1]


def test_small_equal_shapes_share_their_products():
    assert runs_of(KBFGS(stack())) == [["2", "8"], ["0", "4", "6", "10"]]
    assert runs_of(KBFGS(convolutions())) == [[f"1[{k}]" for k in range(6)]]


def test_layers_that_are_large_or_remember_pairs_have_their_own():
    assert runs_of(KBFGS(stack(), memory=5)) == []
    model = nn.Sequential(nn.Linear(200, 200), nn.Linear(200, 200), nn.Linear(127, 8))
    assert runs_of(KBFGS(model)) == []


def train(model, inputs, *, alone, monkeypatch, **options):
    """Six steps, of which one looks so bad that it is taken back, and one overflows."""
    if alone:
        monkeypatch.setattr(preconditioner, "group_layers", one_by_one)
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


def test_dtypes_and_forms_of_curvature_make_groups():
    opt = KBFGS(unequal(torch.float32), max_factor_dim=10)
    layers = list(opt._preconditioner.layers.values())
    groups = [[layer.name for layer in group.pick(layers)] for group in group_layers(layers)]
    assert groups == [["0.2", "0.0"], ["2.0"], ["2.4"]]
    assert [entry.name for entry in opt.diagnostics().first_order] == ["2.2.weight", "2.2.bias"]


@pytest.mark.parametrize(
    "options",
    [
        {"memory": 3},
        {"max_factor_dim": 10},
        {"weight_decay": 1e-2, "update_every": 2},
        {"ablation": Ablation(identity_output_factor=True)},
        {"ablation": Ablation(powell_damping=False)},
        {"ablation": Ablation(identity_damping=False)},
    ],
    ids=str,
)
def test_unequal_layers_of_any_kind_come_to_the_same_state_too(options, monkeypatch):
    options = {"lr": 0.1, **options}
    one = train(unequal(), 6, alone=True, monkeypatch=monkeypatch, **options)
    other = train(unequal(), 6, alone=False, monkeypatch=monkeypatch, **options)
    for key, value in one.items():
        assert relative(other[key], value) < 1e-10, key


def test_layers_of_two_dtypes_come_to_the_same_weights(monkeypatch):
    one, other = (
        train(unequal(torch.float32), 6, alone=alone, monkeypatch=monkeypatch, lr=0.1)
        for alone in (True, False)
    )
    for key in unequal().state_dict():
        assert relative(other[key], one[key]) < 1e-4, key


def test_a_group_takes_a_part_of_the_calls(monkeypatch):
    torch.manual_seed(0)
    counts = []
    for grouping in (one_by_one, group_layers):
        monkeypatch.setattr(preconditioner, "group_layers", grouping)
        model = nn.Sequential(*(nn.Linear(6, 6) for _ in range(12)))
        opt = KBFGS(model)
        x, _ = data(20, 6, 3, dtype=torch.float32)
        closure = closure_for(opt, model, x, x)
        opt.step(closure)
        with Calls() as calls:
            opt.step(closure)
        counts.append(calls.count)
    assert counts[1] < 0.6 * counts[0]


def test_a_layer_much_larger_than_many_others_has_an_array_of_its_own():
    def sizes_of(*sizes):
        kinds = [LayerKind(torch.float32, torch.device("cpu"), DenseInverse, *s) for s in sizes]
        return [[kinds[index][3:] for index in plan.indices] for plan in plans(tuple(kinds))]

    small, large = [(4, 9)] * 100, (500, 700)
    assert sizes_of(large, *small) == [small, [large]]
    assert sizes_of(large, *small[:3]) == [[*small[:3], large]]
