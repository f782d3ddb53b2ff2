"""Two and three gloo ranks with a part of the batch each equal one rank with all of it."""

import copy

import pytest
import torch

from kbfgs import KBFGS, curvature_rows
from tests.support.gloo_ranks import (
    buffers_and_broadcasts,
    error_of,
    flat_state,
    free_run,
    refused_settings,
    restarted_run,
    resumed_run,
    run_ranks,
)
from tests.support.networks import closure_for, data, network, relative

pytestmark = pytest.mark.dist

SIZES = (6, 8, 5, 3)


def stream(count, *, rows=40, last=None):
    sizes = [rows] * count
    if last is not None:
        sizes[4::5] = [last] * len(sizes[4::5])
    return [data(n, SIZES[0], SIZES[-1], seed=1 + k % 5) for k, n in enumerate(sizes)]


def one_rank(batches, **options):
    """The states before and after each step of one process with the whole mini-batches."""
    model = network(*SIZES)
    opt = KBFGS(model, **options)
    with opt.warm_start():
        for x, _ in batches[:3]:
            model(x)
    states = [{"model": copy.deepcopy(model.state_dict()), "opt": copy.deepcopy(opt.state_dict())}]
    for x, y in batches:
        part = curvature_rows(opt.config.curvature_fraction, len(x))
        opt.step(
            closure_for(opt, model, x, y),
            curvature_closure=closure_for(opt, model, x[:part], y[:part]),
        )
        states.append(
            {"model": copy.deepcopy(model.state_dict()), "opt": copy.deepcopy(opt.state_dict())}
        )
    return states


@pytest.mark.parametrize(
    ("weighting", "last", "cut", "reduce", "ranks"),
    [
        (None, None, None, "vectors", 2),
        ("loss", 27, 20, "vectors", 2),
        ("hook", 27, 20, "vectors", 2),
        ("hook", 27, 20, "matrices", 2),
        ("hook", 27, 20, "vectors", 3),
        (None, None, None, "matrices", 3),
    ],
)
def test_a_free_run_of_20_steps_equals_one_rank(
    tmp_path, capsys, weighting, last, cut, reduce, ranks
):
    batches = stream(20, rows=42, last=last)
    cuts = [cut if len(x) == last else None for x, _ in batches]
    options = {"lr": 0.1, "damping": 0.3, "weight_decay": 1e-3}
    wanted = one_rank(batches, **options)
    options |= {"row_weighting": weighting, "reduce": reduce}
    found = run_ranks(free_run, tmp_path, SIZES, batches, cuts, options, ranks=ranks)
    drift = 0.0
    for history in found:
        for step, values in enumerate(history):
            reference = dict(wanted[step + 1]["model"]) | flat_state(wanted[step + 1]["opt"])
            drift = max(drift, *(relative(values[key], reference[key]) for key in values))
    with capsys.disabled():
        print(f"\ndrift of {ranks} ranks by {reduce} within 20 steps: {drift:.0e}")
    assert drift < 1e-10
    for history in found[1:]:
        assert all(torch.equal(found[0][-1][key], history[-1][key]) for key in history[-1])


@pytest.mark.parametrize(
    ("weighting", "last", "cut", "reduce", "ranks"),
    [
        (None, None, None, "vectors", 2),
        ("hook", 27, 20, "vectors", 2),
        ("hook", 27, 20, "matrices", 2),
        ("hook", 27, 20, "vectors", 3),
        ("hook", 27, 20, "matrices", 3),
    ],
)
def test_each_of_50_steps_from_equal_states_equals_one_rank(
    tmp_path, weighting, last, cut, reduce, ranks
):
    batches = stream(50, rows=42, last=last)
    cuts = [cut if len(x) == last else None for x, _ in batches]
    options = {"lr": 0.3, "damping": 0.3, "safeguard": None}
    trajectory = one_rank(batches, **options)
    options |= {"row_weighting": weighting, "reduce": reduce}
    worst = run_ranks(
        restarted_run, tmp_path, SIZES, batches, cuts, options, trajectory, ranks=ranks
    )
    assert max(worst) < 1e-12


def test_a_second_pass_over_half_of_rows_sharded_by_stride_equals_one_rank(tmp_path):
    batches = stream(20, last=37)  # of 19 and 18 rows 10 and 9 are run again
    options = {"lr": 0.3, "damping": 0.3, "curvature_fraction": 0.5, "update_every": 2}
    trajectory = one_rank(batches, **options)
    options |= {"row_weighting": "hook"}
    cuts = [None] * len(batches)
    worst = run_ranks(restarted_run, tmp_path, SIZES, batches, cuts, options, trajectory)
    assert max(worst) < 1e-12


def test_uneven_rows_that_nobody_weights_are_refused_on_every_rank(tmp_path):
    for message in run_ranks(error_of, tmp_path, SIZES, stream(1)[0], 25):
        assert message.startswith("DistributedError: the ranks have [25, 15] rows")
        assert "row_weighting='hook'" in message
        assert message.endswith("unchanged=True")


def test_settings_that_let_ranks_drift_apart_are_refused(tmp_path):
    for found in run_ranks(refused_settings, tmp_path, SIZES):
        assert "KBFGS(DistributedDataParallel(model))" in found["plain model"]
        assert "reduce='vectors'" in found["reduce=None in DDP"]
        assert found["independent ranks"] == "accepted"


def test_a_saved_run_continues_bit_for_bit_and_sends_vectors_only(tmp_path):
    for same, sent, gradients, _ in run_ranks(resumed_run, tmp_path, SIZES, stream(8)):
        assert same
        scalars = 2 + 1 + 2 * 3 + 2 + 1  # rows of ranks, sample, layers in both; losses
        inputs, outputs = sum(SIZES[:-1]), sum(SIZES[1:])
        assert sent == 8 * (scalars + 2 * inputs + 3 + 4 * outputs)
        assert gradients > 0


def test_the_second_run_reduces_no_gradients_and_broadcasts_no_buffers(tmp_path):
    for found in run_ranks(buffers_and_broadcasts, tmp_path):
        assert found["broadcasts"] == [False] * 3
        assert found["reductions"]
        assert not any(found["reductions"])
        assert found["batches"] == 3
        assert found["kept"]
