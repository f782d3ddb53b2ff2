"""K-BFGS(L): the last pairs in the place of H_g."""

import io

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kbfgs import KBFGS
from kbfgs.curvature.dense import DenseInverse
from kbfgs.curvature.limited import LimitedInverse
from kbfgs.damping import double_damping
from tests.support.inverses import update
from tests.support.networks import (
    closure_for,
    data,
    difference,
    half_squared_error,
    network,
    output_inverse,
    put_state,
    weight_matrices,
)
from tests.support.paper_oracle import Paper, PaperState

pytestmark = pytest.mark.training

ALLOWED = torch.tensor(True)
SIZES = (7, 9, 5, 4)
laws = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 2**31)
dims = st.integers(1, 7)


def damped_pairs(seed: int, dim: int, count: int, inverse, *, dtype=torch.float64):
    """Draw pairs, damp them against an inverse and update it by each."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        s, y = torch.randn(2, dim, dtype=torch.float64, generator=generator).to(dtype)
        pair = double_damping(s, y, inverse.times(y), powell=0.2, identity=0.5)
        yield (
            pair.step,
            pair.change,
            update(inverse, pair.step, pair.change, floor=0.0, allowed=ALLOWED),
        )


def matrix_of(inverse: LimitedInverse) -> torch.Tensor:
    pairs = inverse.pairs
    return inverse.times(torch.eye(pairs.shape[2], dtype=pairs.dtype))


def limited_of(dim: int, memory: int, dtype: torch.dtype = torch.float64) -> LimitedInverse:
    return LimitedInverse(dim, memory=memory, like=torch.zeros(1, dtype=dtype))


@laws
@given(seeds, dims, st.integers(1, 12), st.integers(0, 5))
def test_with_room_for_every_pair_it_is_the_dense_inverse(seed, dim, count, room):
    dense, limited = (
        DenseInverse(torch.eye(dim, dtype=torch.float64)),
        limited_of(dim, count + room),
    )
    for s, y, made in damped_pairs(seed, dim, count, dense):
        assert torch.equal(update(limited, s, y, floor=0.0, allowed=ALLOWED), made)
        difference = (matrix_of(limited) - dense.matrix).norm()
        assert difference <= 1e-9 * dense.matrix.norm()
        assert (limited.times(y) - dense.times(y)).norm() <= 1e-9 * dense.matrix.norm() * y.norm()


@laws
@given(seeds, dims, st.integers(1, 4), st.integers(1, 12))
def test_it_is_the_identity_updated_by_the_last_pairs_alone(seed, dim, memory, count):
    limited = limited_of(dim, memory)
    pairs = [(s, y) for s, y, made in damped_pairs(seed, dim, count, limited) if made]
    wanted = torch.eye(dim, dtype=torch.float64)
    for s, y in pairs[-memory:]:
        wanted = Paper.bfgs(wanted, s, y)
    assert (matrix_of(limited) - wanted).norm() <= 1e-9 * wanted.norm()


@laws
@given(seeds, dims, st.integers(1, 6))
def test_it_meets_the_secant_equation_of_the_last_pair(seed, dim, memory):
    limited = limited_of(dim, memory)
    for s, y, made in damped_pairs(seed, dim, 10, limited):
        if made:
            scale = matrix_of(limited).norm() * y.norm()
            assert (limited.times(y) - s).norm() <= 1e-10 * scale


@pytest.mark.parametrize("memory", [10, 100])
def test_in_float32_it_stays_positive_definite_over_1000_pairs(memory):
    limited, skipped, generator = limited_of(8, memory, torch.float32), 0, torch.Generator()
    generator.manual_seed(0)
    s, y = torch.zeros(2, 8)
    for step in range(1000):
        # Moving averages, so that pairs that follow each other are nearly parallel.
        s = 0.9 * s + 0.1 * torch.randn(8, generator=generator)
        y = 0.9 * y + 0.1 * torch.randn(8, generator=generator)
        pair = double_damping(s, y, limited.times(y), powell=0.2, identity=0.5)
        skipped += not update(limited, pair.step, pair.change, floor=0.0, allowed=ALLOWED)
        if step % 20 == 19:
            matrix = matrix_of(limited).double()
            assert torch.linalg.eigvalsh(0.5 * (matrix + matrix.T))[0] > 0
            assert (matrix - matrix.T).norm() < 1e-3 * matrix.norm()
    assert skipped < 100


@pytest.mark.parametrize(
    ("s", "y", "allowed"),
    [
        ((1.0, 0.0), (-1.0, 0.0), True),
        ((float("nan"), 0.0), (1.0, 0.0), True),
        ((1.0, 0.0), (float("inf"), 0.0), True),
        ((1.0, 1e8), (1.0, 0.0), True),
        ((1.0, 0.0), (1.0, 0.0), False),
    ],
    ids=["sy<0", "nan", "inf", "cancellation", "not allowed"],
)
def test_an_unsafe_pair_leaves_the_ring_untouched(s, y, allowed):
    limited = limited_of(2, 3, torch.float32)
    for _ in damped_pairs(0, 2, 4, limited, dtype=torch.float32):
        pass
    before = {key: tensor.clone() for key, tensor in limited.tensors().items()}
    assert not update(
        limited, torch.tensor(s), torch.tensor(y), floor=0.0, allowed=torch.tensor(allowed)
    )
    for key, tensor in limited.tensors().items():
        assert torch.equal(tensor, before[key])


def batches(count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [data(40, SIZES[0], SIZES[-1], seed=1 + k) for k in range(count)]


def start(
    *, lr: float, memory: int, warm: bool = False
) -> tuple[Paper, PaperState, KBFGS, torch.nn.Module]:
    model = network(*SIZES)
    paper = Paper(half_squared_error, lr=lr, memory=memory)
    state = paper.initial(weight_matrices(model))
    opt = KBFGS(model, lr=lr, damping=0.3, safeguard=None, memory=memory)
    if warm:
        paper.warm_start(state, [x for x, _ in batches(3)])
        with opt.warm_start():
            for x, _ in batches(3):
                model(x)
    return paper, state, opt, model


@pytest.mark.parametrize("memory", [1, 7, 60])
def test_each_of_50_steps_from_equal_states_is_the_papers(memory):
    paper, state, opt, model = start(lr=0.3, memory=memory)
    stream, worst = batches(5), 0.0
    for step in range(50):
        put_state(opt, model, state)
        x, y = stream[step % 5]
        opt.step(closure_for(opt, model, x, y))
        paper.step(state, x, y)
        worst = max(worst, difference(opt, model, state))
    assert worst < 1e-12
    assert paper.log["powell"] > 0
    assert len(state.pairs[0]) == min(memory, 50 - paper.log["skipped"])


@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize("memory", [3, 7, 30])
def test_a_free_run_of_20_steps_stays_on_the_papers_path(memory, warm):
    paper, state, opt, model = start(lr=0.1, memory=memory, warm=warm)
    stream = batches(4)
    for step in range(20):
        x, y = stream[step % 4]
        opt.step(closure_for(opt, model, x, y))
        paper.step(state, x, y)
        assert difference(opt, model, state) < 1e-10


def break_off_in_the_second_pass(opt, closure) -> None:
    """Leave the optimizer with an H_g that it has applied, but not updated."""

    def broken():
        if opt.in_second_pass:
            raise KeyboardInterrupt
        return closure()

    with pytest.raises(KeyboardInterrupt):
        opt.step(broken)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("steps", [0, 3, 9])
def test_a_run_that_is_saved_and_loaded_goes_on_with_the_same_bits(steps, dtype):
    x, y = data(20, 5, 3, dtype=dtype)
    model = network(5, 6, 3, dtype=dtype)
    opt = KBFGS(model, memory=4)
    for _ in range(steps):
        opt.step(closure_for(opt, model, x, y))
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "opt": opt.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    twin = network(5, 6, 3, dtype=dtype)
    twin_opt = KBFGS(twin, memory=4)
    twin.load_state_dict(saved["model"])
    twin_opt.step(closure_for(twin_opt, twin, x, y))
    break_off_in_the_second_pass(twin_opt, closure_for(twin_opt, twin, x, y))
    twin.load_state_dict(saved["model"])
    twin_opt.load_state_dict(saved["opt"])
    for _ in range(6):
        loss = opt.step(closure_for(opt, model, x, y))
        assert twin_opt.step(closure_for(twin_opt, twin, x, y)) == loss
    for name, layer in opt.state_dict()["kbfgs"]["layers"].items():
        for key, tensor in layer.items():
            assert torch.equal(twin_opt.state_dict()["kbfgs"]["layers"][name][key], tensor)


def test_float32_layers_stay_positive_definite_over_a_long_run():
    model = network(6, 10, 4, dtype=torch.float32)
    opt = KBFGS(model, lr=0.1, damping=0.1, memory=30)
    x, y = data(60, 6, 4, dtype=torch.float32)
    for step in range(300):
        rows = slice(20 * (step % 3), 20 * (step % 3 + 1))
        loss = opt.step(closure_for(opt, model, x[rows], y[rows]))
    for layer in opt.state_dict()["kbfgs"]["layers"].values():
        assert torch.linalg.eigvalsh(output_inverse(layer).double())[0] > 0
    assert torch.isfinite(loss)
