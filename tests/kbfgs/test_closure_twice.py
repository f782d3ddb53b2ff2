"""The traps of running the closure twice."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from kbfgs import KBFGS, ClosureError, UnsupportedModelError
from tests.support.networks import closure_for, data, half_squared_error, network, relative

SIZES = (5, 6, 4, 3)


def plain(rows: int = 20):
    model = network(*SIZES)
    return model, KBFGS(model), *data(rows, SIZES[0], SIZES[-1])


def test_after_the_step_the_gradients_are_those_of_the_first_run():
    model, opt, x, y = plain()
    wanted = torch.autograd.grad(half_squared_error(model(x), y), list(model.parameters()))
    opt.step(closure_for(opt, model, x, y))
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), wanted, strict=True))


def test_the_first_runs_gradients_survive_a_closure_that_zeroes_in_place():
    model, opt, x, y = plain()
    wanted = torch.autograd.grad(half_squared_error(model(x), y), list(model.parameters()))

    def closure():
        opt.zero_grad(set_to_none=False)
        loss = half_squared_error(model(x), y)
        loss.backward()
        return loss

    opt.step(closure)
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), wanted, strict=True))


def test_the_second_run_computes_no_weight_gradients_and_says_so():
    model, opt, x, y = plain()
    seen = []

    def closure():
        opt.zero_grad()
        loss = half_squared_error(model(x), y)
        loss.backward()
        grads = [p.grad is not None for p in model.parameters()]
        seen.append((opt.in_second_pass, any(p.requires_grad for p in model.parameters()), grads))
        return loss

    opt.step(closure)
    count = len(list(model.parameters()))
    assert seen == [(False, True, [True] * count), (True, False, [False] * count)]
    assert not opt.in_second_pass


def test_the_step_returns_the_loss_before_the_step():
    model, opt, x, y = plain()
    before = half_squared_error(model(x), y).detach()
    assert opt.step(closure_for(opt, model, x, y)) == before


def test_frozen_parameters_stay_frozen_and_unchanged():
    model = network(*SIZES)
    model[2].requires_grad_(False)
    frozen = model[2].weight.detach().clone()
    opt = KBFGS(model)
    x, y = data(20, SIZES[0], SIZES[-1])
    opt.step(closure_for(opt, model, x, y))
    assert [p.requires_grad for p in model.parameters()] == [True] * 2 + [False] * 2 + [True] * 2
    assert torch.equal(model[2].weight, frozen)
    assert model[2].weight.grad is None


def test_flags_and_gradients_come_back_when_the_second_run_fails():
    model, opt, x, y = plain()

    def closure():
        if opt.in_second_pass:
            raise ValueError("the data loader broke")
        return closure_for(opt, model, x, y)()

    with pytest.raises(ValueError, match="data loader"):
        opt.step(closure)
    assert all(p.requires_grad and p.grad is not None for p in model.parameters())
    assert not opt.in_second_pass
    opt.step(closure_for(opt, model, x, y))


def test_both_runs_see_the_same_random_numbers_and_the_stream_goes_on_once():
    model, opt, x, y = plain()
    drawn = []

    def closure():
        drawn.append(torch.rand(3))
        return closure_for(opt, model, x, y)()

    torch.manual_seed(3)
    opt.step(closure)
    after = torch.rand(3)
    torch.manual_seed(3)
    wanted = torch.rand(3), torch.rand(3)
    assert torch.equal(drawn[0], wanted[0])
    assert torch.equal(drawn[1], wanted[0])
    assert torch.equal(after, wanted[1])


def test_the_stream_goes_on_from_the_first_run_whatever_the_second_draws():
    model, opt, x, y = plain()

    def closure():
        torch.rand(7 if opt.in_second_pass else 3)
        return closure_for(opt, model, x, y)()

    torch.manual_seed(3)
    opt.step(closure)
    after = torch.rand(3)
    torch.manual_seed(3)
    torch.rand(3)
    assert torch.equal(after, torch.rand(3))


def test_dropout_masks_agree_so_that_a_zero_step_changes_no_output():
    model = nn.Sequential(nn.Linear(5, 8), nn.Dropout(0.5), nn.Linear(8, 3)).double()
    opt = KBFGS(model, lr=1e-300)
    x, y = data(20, 5, 3)
    opt.step(closure_for(opt, model, x, y))
    for layer in opt.state_dict()["kbfgs"]["layers"].values():
        assert layer["pair_step"].abs().max() < 1e-15
        assert layer["pair_change"].abs().max() < 1e-15


def test_batch_norm_counts_each_batch_once_and_trains():
    model = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)).double()
    twin = copy.deepcopy(model)
    opt = KBFGS(model)
    x, y = data(20, 5, 3)
    twin(x)
    opt.step(closure_for(opt, model, x, y))
    assert torch.equal(model[1].running_mean, twin[1].running_mean)
    assert torch.equal(model[1].running_var, twin[1].running_var)
    assert model[1].num_batches_tracked == 1
    assert model[1].track_running_stats


def test_another_batch_in_the_second_run_is_refused():
    model, opt, _, _ = plain()
    stream = iter([data(20, 5, 3, seed=k) for k in range(4)])

    def closure():
        x, y = next(stream)
        return closure_for(opt, model, x, y)()

    with pytest.raises(ClosureError, match="another batch"):
        opt.step(closure)


def test_another_batch_is_noticed_when_the_closure_calls_only_parts_of_the_model():
    model, opt, _, _ = plain()
    stream = iter([data(20, 5, 3, seed=k) for k in range(4)])

    def closure():
        opt.zero_grad()
        x, y = next(stream)
        for module in model:
            x = module(x)
        loss = half_squared_error(x, y)
        loss.backward()
        return loss

    with pytest.raises(ClosureError, match="another batch"):
        opt.step(closure)


def test_another_number_of_rows_in_the_second_run_is_refused():
    model, opt, x, y = plain()

    def closure():
        rows = 10 if opt.in_second_pass else 20
        return closure_for(opt, model, x[:rows], y[:rows])()

    with pytest.raises(ClosureError, match=r"layer '0' saw 20 rows .* and 10"):
        opt.step(closure)


@pytest.mark.parametrize("inplace", [True, False])
def test_in_place_activations_change_nothing(inplace):
    reference, model = network(*SIZES, inplace=False), network(*SIZES, inplace=inplace)
    x, y = data(20, SIZES[0], SIZES[-1])
    for each in (reference, model):
        opt = KBFGS(each)
        for _ in range(3):
            opt.step(closure_for(opt, each, x, y))
    for mine, other in zip(model.parameters(), reference.parameters(), strict=True):
        assert torch.equal(mine, other)


class Attention(nn.Module):
    """Rows attend to rows: three layers hang on the same input."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = nn.Linear(5, 4), nn.Linear(5, 4), nn.Linear(5, 3)

    def forward(self, x):
        return torch.softmax(self.q(x) @ self.k(x).T, dim=1) @ self.v(x)


def test_parallel_layers_all_get_their_gradient_in_the_second_run():
    model = Attention().double()
    opt = KBFGS(model)
    x, y = data(12, 5, 3)
    for _ in range(3):
        opt.step(closure_for(opt, model, x, y))
    layers = opt.state_dict()["kbfgs"]["layers"]
    assert set(layers) == {"q", "k", "v"}
    assert all(layer["pair_change"].norm() > 0 for layer in layers.values())


def test_four_micro_batches_equal_one_batch():
    x, y = data(20, SIZES[0], SIZES[-1])
    whole, parts = network(*SIZES), network(*SIZES)
    whole_opt, parts_opt = KBFGS(whole, lr=0.1), KBFGS(parts, lr=0.1)

    def closure():
        parts_opt.zero_grad()
        total = torch.zeros((), dtype=torch.float64)
        for rows in range(0, 20, 5):
            loss = half_squared_error(parts(x[rows : rows + 5]), y[rows : rows + 5]) / 4
            loss.backward()
            total += loss.detach()
        return total

    for _ in range(5):
        whole_opt.step(closure_for(whole_opt, whole, x, y))
        parts_opt.step(closure)
    for mine, other in zip(parts.parameters(), whole.parameters(), strict=True):
        assert relative(mine.detach(), other.detach()) < 1e-12


def test_an_evaluation_without_gradients_inside_the_closure_is_no_part_of_the_batch():
    x, y = data(20, SIZES[0], SIZES[-1])
    model, twin = network(*SIZES), network(*SIZES)
    opt, twin_opt = KBFGS(model), KBFGS(twin)

    def closure():
        opt.zero_grad()
        loss = half_squared_error(model(x), y)
        loss.backward()
        with torch.no_grad():
            model(torch.zeros_like(x))
        return loss

    opt.step(closure)
    twin_opt.step(closure_for(twin_opt, twin, x, y))
    assert all(
        torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True)
    )


class Checkpointed(nn.Module):
    def __init__(self, body: nn.Module, *, reentrant: bool = False) -> None:
        super().__init__()
        self.body, self.reentrant = body, reentrant

    def forward(self, x):
        return checkpoint(self.body, x, use_reentrant=self.reentrant)


def test_activation_checkpointing_changes_nothing():
    x, y = data(20, SIZES[0], SIZES[-1])
    plain_model, model = network(*SIZES), Checkpointed(network(*SIZES))
    plain_opt, opt = KBFGS(plain_model), KBFGS(model)
    for _ in range(3):
        plain_opt.step(closure_for(plain_opt, plain_model, x, y))
        opt.step(closure_for(opt, model, x, y))
    for mine, other in zip(model.parameters(), plain_model.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_layers_inside_of_a_reentrant_checkpoint_go_to_adamw_and_the_reason_is_told():
    x, y = data(20, SIZES[0], SIZES[-1])
    inside = Checkpointed(network(6, 4, 6), reentrant=True)
    model = nn.Sequential(nn.Linear(5, 6), inside, nn.Linear(6, 3)).double()
    opt = KBFGS(model)
    losses = [float(opt.step(closure_for(opt, model, x, y))) for _ in range(10)]
    assert losses[-1] < losses[0]
    found = opt.diagnostics()
    assert [layer.name for layer in found.layers] == ["0", "2"]
    assert [entry.name for entry in found.first_order][:2] == ["1.body.0.weight", "1.body.0.bias"]
    assert all("use_reentrant=False" in entry.reason for entry in found.first_order)


def test_a_model_that_a_reentrant_checkpoint_hides_is_refused_with_the_way_out():
    x, y = data(20, SIZES[0], SIZES[-1])
    model = Checkpointed(network(*SIZES), reentrant=True)
    opt = KBFGS(model)
    with pytest.raises(UnsupportedModelError, match=r"'body\.0': .* use_reentrant=False"):
        opt.step(closure_for(opt, model, x.requires_grad_(True), y))


def test_clipping_inside_the_closure_limits_the_gradient_that_is_averaged():
    model, opt, x, y = plain()

    def closure():
        loss = closure_for(opt, model, x, y)()
        nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
        return loss

    opt.step(closure)
    momenta = [layer["momentum"] for layer in opt.state_dict()["kbfgs"]["layers"].values()]
    norm = torch.cat([m.flatten() for m in momenta]).norm()
    assert float(norm) == pytest.approx(1e-4, rel=1e-3)


def test_a_copied_or_pickled_model_is_free_of_the_optimizer():
    model, opt, x, y = plain()
    copied = copy.deepcopy(model)
    loaded = pickle.loads(pickle.dumps(model))
    opt.step(closure_for(opt, model, x, y))

    def closure():
        opt.zero_grad()
        (half_squared_error(copied(x), y) + half_squared_error(loaded(x), y)).backward()
        return torch.zeros(())

    with pytest.raises(ClosureError, match="no preconditioned layer was called"):
        opt.step(closure)
