"""Closures that differentiate more than once: only the loss's own backward counts."""

import pytest
import torch
from torch.nn.functional import l1_loss, mse_loss

from kbfgs import KBFGS, ClosureError
from tests.support.networks import data, network, relative

SIZES = (5, 6, 3)


def penalized(model, x, y):
    """With a penalty on the outputs' gradient by the inputs; also the pre-activations."""
    inputs = x.clone().requires_grad_(True)
    hidden = model[0](inputs)
    outputs = model[2](torch.tanh(hidden))
    (slope,) = torch.autograd.grad(outputs.sum(), inputs, create_graph=True)
    return mse_loss(outputs, y) + slope.pow(2).sum(1).mean(), [hidden, outputs]


def balanced(model, x, y):
    """Two losses, weighted by the size of their gradients."""
    hidden = model[0](x)
    outputs = model[2](torch.tanh(hidden))
    losses = mse_loss(outputs, y), l1_loss(outputs, y)
    sizes = [torch.autograd.grad(loss, outputs, retain_graph=True)[0].norm() for loss in losses]
    return losses[0] + (sizes[0] / sizes[1]).detach() * losses[1], [hidden, outputs]


@pytest.mark.parametrize("loss_of", [penalized, balanced])
def test_the_pair_holds_the_change_of_the_losses_gradient_alone(loss_of):
    model = network(*SIZES)
    opt = KBFGS(model, safeguard=None)
    x, y = data(20, SIZES[0], SIZES[-1])

    def sums_of_g():
        loss, preactivations = loss_of(model, x, y)
        return [g.sum(0) for g in torch.autograd.grad(loss, preactivations)]

    def closure():
        opt.zero_grad()
        loss, _ = loss_of(model, x, y)
        loss.backward()
        return loss

    before = sums_of_g()
    opt.step(closure)
    layers = opt.state_dict()["kbfgs"]["layers"].values()
    for layer, old, new in zip(layers, before, sums_of_g(), strict=True):
        assert relative(layer["pair_change"], 0.1 * (new - old)) < 1e-10


def test_a_backward_that_leaves_parameters_out_is_refused():
    model = network(*SIZES)
    opt = KBFGS(model)
    x, y = data(20, SIZES[0], SIZES[-1])

    def closure():
        opt.zero_grad()
        loss = mse_loss(model(x), y)
        loss.backward(inputs=list(model.parameters()))
        return loss

    with pytest.raises(ClosureError, match=r"must call backward\(\), without `inputs`"):
        opt.step(closure)


def test_a_backward_of_the_weights_alone_is_refused_with_the_way_out():
    model = network(*SIZES)
    opt = KBFGS(model)
    x, y = data(20, SIZES[0], SIZES[-1])

    def closure():
        opt.zero_grad()
        loss = mse_loss(model(x), y)
        loss.backward()
        decay = 1e-3 * sum(p.square().sum() for p in model.parameters())
        decay.backward()
        return loss + decay

    with pytest.raises(ClosureError, match=r"add the terms up before one backward\(\)"):
        opt.step(closure)
