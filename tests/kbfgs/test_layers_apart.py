"""What goes wrong in one layer stays there, though all are rows of one array."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from kbfgs import KBFGS
from kbfgs.curvature.dense import Matrices
from kbfgs.distributed.exchange import LayerMeans
from kbfgs.layer_group import group_layers, in_order
from kbfgs.preconditioned import StepSettings
from tests.support.networks import closure_for, data

SIZES = ((6, 7), (7, 6), (6, 7), (7, 9), (9, 5))
"""Two of one shape, which share their products, among others."""
BAD = (float("nan"), float("inf"), -float("inf"))
SETTINGS = StepSettings(
    lr=0.1, damping=0.3, momentum=0.9, factor_decay=0.9, weight_decay=0.0, powell=0.2
)


def trained(**options):
    """The layers of a model after three steps."""
    torch.manual_seed(0)
    modules = [module for sizes in SIZES for module in (nn.Linear(*sizes), nn.Tanh())]
    model = nn.Sequential(*modules[:-1]).double()
    opt = KBFGS(model, damping=SETTINGS.damping, **options)
    x, y = data(20, SIZES[0][0], SIZES[-1][1])
    closure = closure_for(opt, model, x, y)
    for _ in range(3):
        opt.step(closure)
    return list(opt._preconditioner.layers.values())


def means(seed, *, inputs):
    """Made up, of each layer."""
    generator = torch.Generator().manual_seed(seed)
    rows = [
        [torch.randn(size, dtype=torch.float64, generator=generator) for size in (a, h, h)]
        for a, h in SIZES
    ]
    return [LayerMeans(20.0, 1.0, a if inputs else None, h, g) for a, h, g in rows]


def after(layers, spoil):
    """What each layer's state is after a step's arithmetic, and its direction before it."""
    first, second = means(1, inputs=True), means(2, inputs=False)
    spoil(layers, first, second)
    groups = group_layers(layers)
    directions = in_order(groups, lambda group: [d.clone() for d in group.directions()])
    probes = in_order(groups, lambda group: group.probe(group.pick(first)))
    for group in groups:
        group.learn_curvature(
            group.pick(first), group.pick(second), settings=SETTINGS, accepted=None
        )
        steps, actions = zip(*group.pick(probes), strict=True)
        group.act(steps, actions, settings=SETTINGS)
    return [
        {"direction": direction, **layer.state.tensors()}
        for layer, direction in zip(layers, directions, strict=True)
    ]


def spoiler(place, bad, value):
    """Puts a value into one layer's means, or into what it remembers."""

    def spoil(layers, first, second):
        if place in ("momentum", "share", "inverse"):
            state = layers[bad].state
            factor = state.input_factor
            remembered = {
                "momentum": state.momentum,
                "share": factor.share,
                "inverse": factor.require_inverse().matrix,
            }
            remembered[place][0, 0] = value
            return
        run = second if place.startswith("new ") else first
        field = place.removeprefix("new ")
        vector = getattr(run[bad], field).clone()
        vector[0] = value
        run[bad] = replace(run[bad], **{field: vector})

    return spoil


@pytest.mark.parametrize("options", [{}, {"memory": 3}, {"max_factor_dim": 8}], ids=str)
@pytest.mark.parametrize(
    "place",
    ["inputs", "outputs", "gradients", "new outputs", "new gradients", "momentum", "share",
     "inverse"],
)  # fmt: skip
def test_what_is_not_finite_in_one_layer_reaches_no_other(place, options):
    clean = after(trained(**options), lambda *_: None)
    for bad in range(len(clean)):
        for value in BAD:
            spoiled = after(trained(**options), spoiler(place, bad, value))
            for index, (one, other) in enumerate(zip(clean, spoiled, strict=True)):
                same = {name: torch.equal(one[name], other[name]) for name in one}
                assert index == bad or all(same.values()), (bad, value, index, same)
            seen = {name: torch.equal(clean[bad][name], spoiled[bad][name]) for name in clean[bad]}
            assert not all(seen.values()), "the layer itself notices"


def test_a_layer_whose_update_is_skipped_holds_back_no_other():
    layers, others = trained(), trained()
    steps = [torch.ones(a + 1, dtype=torch.float64) for a, _ in SIZES]
    downhill = [-step if index == 1 else step for index, step in enumerate(steps)]
    for those, actions in ((layers, steps), (others, downhill)):
        for group in group_layers(those):
            group.act(group.pick(steps), group.pick(actions), settings=SETTINGS)
    for index, (one, other) in enumerate(zip(layers, others, strict=True)):
        matrices = [each.state.input_factor.require_inverse().matrix for each in (one, other)]
        assert torch.equal(*matrices) is (index != 1)
        assert int(other.state.counts[3]) == (index == 1)


def test_matrices_of_one_size_are_multiplied_as_they_are_after_a_change():
    eyes = [torch.eye(3, dtype=torch.float64) for _ in range(2)]
    matrices = Matrices(eyes, [slice(0, 2)])
    vectors = torch.arange(6.0, dtype=torch.float64).view(2, 3)
    assert torch.equal(matrices.times(vectors), vectors)
    unit = torch.eye(3, dtype=torch.float64)[:, :1].expand(2, 3, 1)
    matrices.add_(unit, unit)
    assert torch.equal(matrices.times(vectors), vectors + vectors[:, :1] * unit[..., 0])
