"""What a person may do with a model or an optimizer that cannot work: each has its own words."""

import copy
import pickle

import pytest
import torch
from torch import nn

from kbfgs import KBFGS, KFAC, ConfigurationError, KBFGSError, StateError, UnsupportedModelError
from tests.support.fisher_closures import fisher_closures
from tests.support.networks import closure_for, data, half_squared_error, network

SIZES = (5, 6, 4, 3)
METHODS = pytest.mark.parametrize("method", [KBFGS, KFAC])


@METHODS
def test_parameters_instead_of_the_model_are_refused(method):
    with pytest.raises(
        UnsupportedModelError, match=r"as in KBFGS\(model, lr=0\.3\), not generator"
    ):
        method(network(*SIZES).parameters())


@METHODS
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"safeguard": True}, "safeguard must be a kbfgs.Safeguard or None, got True"),
        ({"safeguard": 0.1}, "safeguard must be a kbfgs.Safeguard or None, got 0.1"),
        ({"max_factor_dim": 2.5}, "max_factor_dim must be a whole number >= 1, got 2.5"),
    ],
)
def test_options_of_the_wrong_kind_are_refused(method, options, message):
    with pytest.raises(ConfigurationError, match=message):
        method(network(*SIZES), **options)


@METHODS
def test_an_optimizer_is_not_copied_or_pickled_without_its_model(method):
    opt = method(network(*SIZES))
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(KBFGSError, match=r"load this one's state_dict\(\) there"):
            attempt(opt)


@METHODS
@pytest.mark.parametrize("steps", [0, 2])
def test_a_model_that_changes_its_dtype_is_refused(method, steps):
    x, y = data(20, SIZES[0], SIZES[-1])
    model = network(*SIZES, dtype=torch.float32)
    opt = method(model)

    def step(x, y):
        closures = fisher_closures(opt, model, x, y, -y)
        opt.step(*closures if method is KFAC else closures[:1])

    for _ in range(steps):
        step(x.float(), y.float())
    model.double()
    with pytest.raises(
        UnsupportedModelError, match=r"'0' was torch\.float32 on cpu .* is torch\.float64.* first"
    ):
        step(x, y)


def test_a_model_that_changes_its_dtype_is_refused_in_the_warm_start():
    model = network(*SIZES, dtype=torch.float32)
    opt = KBFGS(model)
    model.double()
    with pytest.raises(UnsupportedModelError, match="move the model first"), opt.warm_start():
        model(data(20, SIZES[0], SIZES[-1])[0])


def test_a_layer_that_is_frozen_later_is_named_though_its_gradient_still_stands():
    model = network(*SIZES)
    opt = KBFGS(model)
    x, y = data(20, SIZES[0], SIZES[-1])

    def closure():
        opt.zero_grad(set_to_none=False)
        loss = half_squared_error(model(x), y)
        loss.backward()
        return loss

    opt.step(closure)
    model[2].requires_grad_(False)
    frozen = model[2].weight.clone()
    with pytest.raises(UnsupportedModelError, match=r"layer '2' .* but now it is frozen"):
        opt.step(closure)
    assert torch.equal(model[2].weight, frozen)


def test_a_state_of_another_form_of_the_curvature_names_the_options():
    model = network(*SIZES)
    opt = KBFGS(model, memory=5)
    opt.step(closure_for(opt, model, *data(20, SIZES[0], SIZES[-1])))
    with pytest.raises(StateError, match=r"output_pairs.*same memory, max_factor_dim and ablation"):
        KBFGS(network(*SIZES)).load_state_dict(opt.state_dict())


class Wrapper(nn.Module):
    """Has a child that is called `module`, as DDP does, and one whose name is its child's."""

    def __init__(self) -> None:
        super().__init__()
        self.module = nn.ModuleDict({"head": nn.Linear(5, 6)})
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(torch.relu(self.module["head"](x)))


def test_layers_keep_their_names_where_a_child_is_called_module():
    model = Wrapper().double()
    opt = KBFGS(model)
    opt.step(closure_for(opt, model, *data(20, 5, 3)))
    assert [layer.name for layer in opt.diagnostics().layers] == ["module.head", "head"]


def test_a_layer_that_was_compiled_by_itself_keeps_its_name():
    model = network(5, 6, 3)
    model[0] = torch.compile(model[0], backend="eager")
    opt = KBFGS(model)
    opt.step(closure_for(opt, model, *data(20, 5, 3)))
    assert [layer.name for layer in opt.diagnostics().layers] == ["0", "2"]
    KBFGS(network(5, 6, 3)).load_state_dict(opt.state_dict())
