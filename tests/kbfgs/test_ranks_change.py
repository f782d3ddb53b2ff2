"""Saved states on another number of ranks, and bytes on the wire."""

import copy

import pytest
import torch

from kbfgs import KBFGS, StateError, merge_states
from tests.support.gloo_ranks import (
    bytes_of_step,
    consolidated_run,
    flat_state,
    loaded_run,
    run_ranks,
)
from tests.support.networks import closure_for, data, network, relative

SIZES = (6, 8, 5, 3)
BATCHES = [data(42, SIZES[0], SIZES[-1], seed=1 + k) for k in range(4)]
AUTOENCODERS = {
    "mnist-autoencoder": (784, 1000, 500, 250, 30, 250, 500, 1000, 784),
    "faces-autoencoder": (625, 2000, 1000, 500, 30, 500, 1000, 2000, 625),
    "curves-autoencoder": (784, 400, 200, 100, 50, 25, 6, 25, 50, 100, 200, 400, 784),
    "mnist-5k-autoencoder": (784, 200, 100, 20, 100, 200, 784),
}


def one_rank(start, batches):
    """Weights and state after steps on the whole mini-batches from a saved state."""
    model = network(*SIZES)
    opt = KBFGS(model)
    model.load_state_dict(start["model"])
    opt.load_state_dict(start["opt"])
    for x, y in batches:
        opt.step(closure_for(opt, model, x, y))
    return dict(model.state_dict()) | flat_state(opt.state_dict())


def trained(batches):
    """A model and optimizer of one process, saved after some steps."""
    model = network(*SIZES)
    opt = KBFGS(model)
    for x, y in batches:
        opt.step(closure_for(opt, model, x, y))
    return copy.deepcopy({"model": model.state_dict(), "opt": opt.state_dict()})


@pytest.mark.dist
@pytest.mark.parametrize("ranks", [2, 3])
def test_a_consolidated_state_of_rank_0_loads_on_one_rank(tmp_path, ranks):
    found = run_ranks(consolidated_run, tmp_path, SIZES, BATCHES, ranks=ranks)
    wanted = trained(BATCHES)
    layers = flat_state(wanted["opt"])
    for rank in found:
        whole = flat_state(rank["whole"])
        assert rank["whole"]["kbfgs"]["consolidated"]
        assert max(relative(whole[key], layers[key]) for key in layers) < 1e-10
        assert not rank["after"], "a step makes shares again"
    merged = merge_states([rank["own"] for rank in reversed(found)])
    assert max(relative(flat_state(merged)[key], layers[key]) for key in layers) < 1e-10
    start = wanted | {"opt": found[0]["whole"]}
    again, reference = one_rank(start, BATCHES), one_rank(wanted, BATCHES)
    assert max(relative(again[key], reference[key]) for key in reference) < 1e-10
    for unmerged in (found[0]["own"], found[1]["own"]):
        with pytest.raises(StateError, match=rf"of {ranks}, this is rank 0 of 1.*merge_states"):
            KBFGS(network(*SIZES)).load_state_dict(unmerged)


@pytest.mark.dist
@pytest.mark.parametrize("ranks", [2, 3])
def test_a_state_of_one_process_continues_on_several_ranks(tmp_path, ranks):
    start = trained(BATCHES)
    wanted = one_rank(start, BATCHES)
    for found in run_ranks(loaded_run, tmp_path, SIZES, start, BATCHES, ranks=ranks):
        assert max(relative(found[key], wanted[key]) for key in wanted) < 1e-10


def shares_of(state, ranks):
    """What unconsolidated ranks would save: unequal shares that sum to A."""
    states = []
    for rank in range(ranks):
        part = copy.deepcopy(state)
        part["kbfgs"] |= {"rank": rank, "world_size": ranks, "consolidated": False}
        for layer in part["kbfgs"]["layers"].values():
            layer["input_factor"] *= 2 * (rank + 1) / (ranks * (ranks + 1))
        states.append(part)
    return states


def test_the_states_of_all_ranks_merge_to_one_and_are_left_alone():
    start = trained(BATCHES[:2])["opt"]
    states = shares_of(start, 3)
    kept = copy.deepcopy(states)
    opt = KBFGS(network(*SIZES))
    opt.load_state_dict(merge_states(states[::-1]))
    for key, tensor in flat_state(opt.state_dict()).items():
        assert relative(tensor, flat_state(start)[key]) < 1e-15
    for state, before in zip(states, kept, strict=True):
        assert torch.equal(
            flat_state(state)["0.input_factor"], flat_state(before)["0.input_factor"]
        )


def test_states_that_do_not_belong_together_do_not_merge():
    states = shares_of(trained(BATCHES[:2])["opt"], 2)
    with pytest.raises(StateError, match=r"every rank once, got ranks \[1\] of 2"):
        merge_states(states[1:])
    with pytest.raises(StateError, match=r"got ranks \[0, 0\] of 2"):
        merge_states([states[0], states[0]])
    with pytest.raises(StateError, match="got ranks"):
        merge_states([])
    states[1]["kbfgs"]["steps"] += 1
    with pytest.raises(StateError, match="not of one moment"):
        merge_states(states)


@pytest.mark.dist
def test_curvature_costs_at_most_two_percent_of_the_gradients_bytes(tmp_path, capsys):
    found = run_ranks(bytes_of_step, tmp_path, AUTOENCODERS, "vectors")
    with capsys.disabled():
        for name, (sent, gradients) in found[0].items():
            print(f"\n{name}: {sent:,} bytes for curvature, {sent / gradients:.2%} of gradients")
    assert found[0] == found[1]
    sent, gradients = found[0]["mnist-autoencoder"]
    assert 0 < sent <= 0.02 * gradients
