"""What goes when a model and its optimizer go: all of it, at once."""

import gc
import weakref

import pytest

from kbfgs import KBFGS, KFAC
from tests.support.networks import closure_for, data, half_squared_error, network

SIZES = (5, 7, 3)


@pytest.fixture
def without_collector():
    model = network(*SIZES)
    take_steps(KBFGS(model), model)  # what torch does once in a process leaves cycles behind
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def take_steps(opt, model):
    x, y = data(12, SIZES[0], SIZES[-1])
    if isinstance(opt, KFAC):
        kept = []

        def closure():
            opt.zero_grad()
            kept.append(model(x))
            loss = half_squared_error(kept[-1], y)
            loss.backward(retain_graph=True)
            return loss

        opt.step(closure, lambda: half_squared_error(kept[-1], y))
    else:
        opt.step(closure_for(opt, model, x, y))


@pytest.mark.parametrize(
    "make",
    [KBFGS, lambda model: KBFGS(model, memory=3), KFAC],
    ids=["K-BFGS", "K-BFGS(L)", "K-FAC"],
)
def test_model_and_state_are_freed_with_their_names_and_not_by_the_collector(
    make, without_collector
):
    model = network(*SIZES)
    opt = make(model)
    take_steps(opt, model)
    layer = next(iter(opt._preconditioner.layers.values()))
    state, weight = weakref.ref(layer.state.momentum), weakref.ref(layer.adapter.weight)
    del layer, opt
    assert state() is None
    assert weight() is not None
    del model
    assert weight() is None


def test_a_model_whose_optimizer_is_gone_trains_with_another(without_collector):
    model = network(*SIZES)
    take_steps(KBFGS(model), model)
    opt = KBFGS(model)
    take_steps(opt, model)
    assert opt.diagnostics().steps == 1
