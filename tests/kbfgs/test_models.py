"""Which parameters are preconditioned, which go to the inner AdamW, and what is refused."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from kbfgs import KBFGS, ConfigurationError, UnsupportedModelError
from tests.support.networks import closure_for, data, half_squared_error, network


def reasons(opt: KBFGS) -> dict[str, str]:
    return {entry.name: entry.reason for entry in opt.diagnostics().first_order}


def layer_names(opt: KBFGS) -> list[str]:
    return [layer.name for layer in opt.diagnostics().layers]


def trains(model: nn.Module, opt: KBFGS, x: torch.Tensor, y: torch.Tensor, steps: int = 30) -> None:
    """Every trained parameter moves, and the loss falls."""
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    losses = [float(opt.step(closure_for(opt, model, x, y))) for _ in range(steps)]
    assert losses[-1] < losses[0]
    for name, p in model.named_parameters():
        assert not torch.equal(p, before[name]), name


def test_convolutions_are_preconditioned_norms_go_to_adamw_and_everything_trains():
    model = nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 3, 3, bias=False), nn.BatchNorm2d(3), nn.ReLU(),
        nn.Flatten(), nn.Linear(12, 3),
    ).double()  # fmt: skip
    opt = KBFGS(model)
    assert layer_names(opt) == ["1", "5"]
    assert reasons(opt) == {
        "2.weight": "BatchNorm2d is not preconditioned",
        "2.bias": "BatchNorm2d is not preconditioned",
    }
    trains(model, opt, *data(20, 16, 3))


def test_each_group_of_a_convolution_is_a_matrix_unless_it_has_hardly_any_outputs():
    model = nn.Sequential(
        nn.Conv2d(4, 8, 3, groups=2), nn.ReLU(), nn.Conv2d(8, 8, 2, groups=8), nn.Flatten(),
        nn.Linear(8, 3),
    )  # fmt: skip
    opt = KBFGS(model.double())
    x = torch.randn(20, 4, 4, 4, dtype=torch.float64)
    trains(model, opt, x, torch.tanh(x[:, :3, 0, 0]))
    assert layer_names(opt) == ["0[0]", "0[1]", "4"]
    reason = "its 8 groups have fewer than 4 outputs each"
    assert reasons(opt) == {"2.weight": reason, "2.bias": reason}
    assert [len(group["params"]) for group in opt.param_groups] == [4, 2]


def test_a_grouped_convolution_that_is_not_called_goes_to_adamw_once():
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.idle, self.head = nn.Conv2d(4, 8, 3, groups=2), nn.Linear(5, 3)

        def forward(self, x):
            return self.head(x)

    model = Idle().double()
    opt = KBFGS(model)
    x, y = data(20, 5, 3)
    opt.step(closure_for(opt, model, x, y))
    assert reasons(opt) == {"idle.weight": "it was not called", "idle.bias": "it was not called"}
    assert [len(group["params"]) for group in opt.param_groups] == [2, 2]


def test_the_inner_group_takes_adamws_step_with_its_own_rate():
    x, y = data(20, 5, 3)
    model = nn.Sequential(nn.LayerNorm(5), nn.Linear(5, 3)).double()
    opt = KBFGS(model, other_lr=0.01, weight_decay=0.1)
    twin = model[0].weight.detach().clone().requires_grad_(True)
    reference = torch.optim.AdamW([twin], lr=0.01, weight_decay=0.1)
    for _ in range(3):
        opt.step(closure_for(opt, model, x, y))
        twin.grad = model[0].weight.grad.clone()
        reference.step()
        assert torch.equal(twin, model[0].weight)


def test_a_scheduler_moves_both_groups():
    model = nn.Sequential(nn.LayerNorm(5), nn.Linear(5, 3)).double()
    opt = KBFGS(model, lr=0.4, other_lr=0.01)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
    x, y = data(20, 5, 3)
    opt.step(closure_for(opt, model, x, y))
    scheduler.step()
    assert [group["lr"] for group in opt.param_groups] == [0.2, 0.005]
    before = [p.detach().clone() for p in model.parameters()]
    for group in opt.param_groups:
        group["lr"] = 0.0
        group["weight_decay"] = 0.0
    opt.step(closure_for(opt, model, x, y))
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_a_layer_without_bias_is_preconditioned_without_the_one():
    model = nn.Sequential(nn.Linear(5, 4, bias=False), nn.ReLU(), nn.Linear(4, 3)).double()
    opt = KBFGS(model)
    trains(model, opt, *data(20, 5, 3))
    shapes = {n: v["input_factor"].shape for n, v in opt.state_dict()["kbfgs"]["layers"].items()}
    assert shapes == {"0": (5, 5), "2": (5, 5)}


def test_a_frozen_bias_is_left_out_of_the_matrix():
    model = network(5, 4, 3)
    model[0].bias.requires_grad_(False)
    frozen = model[0].bias.detach().clone()
    opt = KBFGS(model)
    x, y = data(20, 5, 3)
    opt.step(closure_for(opt, model, x, y))
    assert reasons(opt) == {"0.bias": "frozen bias"}
    assert torch.equal(model[0].bias, frozen)
    assert opt.state_dict()["kbfgs"]["layers"]["0"]["momentum"].shape == (4, 5)


def test_a_layer_with_too_many_inputs_goes_to_adamw():
    model = network(5, 12, 3)
    opt = KBFGS(model, max_factor_dim=12)
    assert layer_names(opt) == ["0"]
    assert reasons(opt)["2.weight"] == "a side is larger than max_factor_dim=12"
    trains(model, opt, *data(20, 5, 3))


def test_a_layer_with_too_many_outputs_remembers_pairs():
    model = network(5, 8, 12)
    opt = KBFGS(model, max_factor_dim=11)
    assert layer_names(opt) == ["0", "2"]
    layers = opt.state_dict()["kbfgs"]["layers"]
    assert layers["0"]["output_inverse"].shape == (8, 8)
    assert layers["2"]["output_pairs"].shape == (2, 100, 12)
    trains(model, opt, *data(20, 5, 12))


class Autoencoder(nn.Module):
    """A tied weight, a layer that is never called, and one that is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(5, 5), nn.Linear(5, 5)
        self.decoder.weight = self.encoder.weight
        self.twice, self.never, self.head = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x):
        x = self.decoder(torch.relu(self.encoder(x)))
        return self.head(self.twice(torch.relu(self.twice(x))))


def test_tied_and_uncalled_layers_go_to_adamw():
    torch.manual_seed(0)
    model = Autoencoder().double()
    opt = KBFGS(model)
    x, y = data(20, 5, 3)
    never = model.never.weight.detach().clone()
    losses = [float(opt.step(closure_for(opt, model, x, y))) for _ in range(30)]
    assert losses[-1] < losses[0]
    assert layer_names(opt) == ["twice", "head"]
    found = reasons(opt)
    assert found["encoder.weight"] == "shared with another module"
    assert found["never.bias"] == "it was not called"
    assert torch.equal(model.never.weight, never)


class Sequence(nn.Module):
    """A tiny transformer over (batch, time) tokens with a head on the mean."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, tokens):
        return self.head(self.block(self.embed(tokens)).mean(1))


def test_a_transformer_trains_with_its_feed_forward_layers_preconditioned():
    torch.manual_seed(0)
    model = Sequence().double()
    opt = KBFGS(model)
    tokens = torch.randint(0, 7, (12, 5))
    with opt.warm_start():
        model(tokens)
    trains(model, opt, tokens, torch.randn(12, 3, dtype=torch.float64))
    assert layer_names(opt) == ["block.linear1", "block.linear2", "head"]
    found = reasons(opt)
    assert found["block.self_attn.in_proj_weight"] == "MultiheadAttention is not preconditioned"
    assert found["block.self_attn.out_proj.weight"] == (
        "NonDynamicallyQuantizableLinear is not preconditioned"
    )


def test_parametrized_weights_go_to_adamw():
    model = nn.Sequential(spectral_norm(nn.Linear(5, 4)), nn.ReLU(), nn.Linear(4, 3)).double()
    opt = KBFGS(model)
    assert layer_names(opt) == ["2"]
    trains(model, opt, *data(20, 5, 3))


def test_a_layer_that_stops_being_called_is_an_error_that_names_it():
    class Sometimes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.deep = nn.Linear(5, 4), nn.Linear(4, 3), True

        def forward(self, x):
            return self.b(torch.relu(self.a(x))) if self.deep else self.b(x[:, :4])

    model = Sometimes().double()
    opt = KBFGS(model)
    x, y = data(20, 5, 3)
    opt.step(closure_for(opt, model, x, y))
    model.deep = False
    with pytest.raises(UnsupportedModelError, match="layer 'a' took part in the first step, but"):
        opt.step(closure_for(opt, model, x, y))


def test_a_model_that_keeps_no_layer_in_the_first_step_is_refused():
    model = nn.Sequential(nn.Linear(5, 3)).double()
    opt = KBFGS(model)

    def closure():
        opt.zero_grad()
        loss = half_squared_error(model(torch.ones(5, dtype=torch.float64))[None], 1.0)
        loss.backward()
        return loss

    with pytest.raises(UnsupportedModelError, match=r"no layer is left .*'0': input of shape"):
        opt.step(closure)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Sequential(nn.Conv1d(1, 2, 3)), "Sequential has no layer that K-BFGS can precondition"),
        (nn.Linear(3, 2).requires_grad_(False), "Linear has no layer"),
        (nn.Linear(3, 2).bfloat16(), "Linear has no layer"),
        (nn.Sequential(nn.LazyLinear(3)), "layer '0' is not initialized: run one forward"),
        (nn.DataParallel(nn.Linear(3, 2)), "DataParallel .* use .*DistributedDataParallel"),
    ],
    ids=["no layer", "frozen", "bfloat16", "lazy", "DataParallel"],
)
def test_models_that_cannot_be_handled_are_refused(model, message):
    with pytest.raises(UnsupportedModelError, match=message):
        KBFGS(model)


def test_a_compiled_model_is_refused_with_the_order_to_do_it_in():
    with pytest.raises(UnsupportedModelError, match=r"build KBFGS before torch\.compile"):
        KBFGS(torch.compile(nn.Linear(3, 2)))


def test_adding_a_parameter_group_is_refused():
    opt = KBFGS(network(3, 2))
    with pytest.raises(ConfigurationError, match="build a new one"):
        opt.add_param_group({"params": [nn.Parameter(torch.zeros(2))]})
