"""What must hold for any pair, factor and step size."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kbfgs import KBFGS, Safeguard
from kbfgs.damping import double_damping, identity_threshold
from kbfgs.linalg import accumulate_borders_, accumulate_gram_, damped_inverse
from kbfgs.safeguard import step_scale
from tests.support.inverses import bfgs_update_
from tests.support.networks import closure_for, data, network

ALLOWED = torch.tensor(True)
laws = settings(max_examples=60, deadline=None)
seeds = st.integers(0, 2**31)
dims = st.integers(1, 7)
damping_values = st.floats(1e-3, 10)


def spd(dim: int, generator: torch.Generator) -> torch.Tensor:
    root = torch.randn(dim, dim, dtype=torch.float64, generator=generator)
    return root @ root.T + 0.1 * torch.eye(dim, dtype=torch.float64)


def draw(seed: int, dim: int, *, scale: float = 1.0):
    """A random H, s and y, with sᵀy of either sign."""
    generator = torch.Generator().manual_seed(seed)
    s = torch.randn(dim, dtype=torch.float64, generator=generator)
    y = torch.randn(dim, dtype=torch.float64, generator=generator)
    return spd(dim, generator), s, scale * y


@laws
@given(seeds, dims, damping_values, st.floats(0.05, 0.9), st.floats(1e-3, 1e3))
def test_damping_bounds_the_curvature_from_below(seed, dim, damping, powell, scale):
    H, s, y = draw(seed, dim, scale=scale)
    mu_2 = identity_threshold(damping)
    pair = double_damping(s, y, H @ y, powell=powell, identity=mu_2)
    yHy = y @ H @ y
    assert pair.step @ y >= powell * yHy - 1e-12 * (yHy + s.norm() * y.norm())
    length = pair.step @ pair.step
    assert pair.step @ pair.change >= mu_2 * length * (1 - 1e-10) - 1e-12 * length


@laws
@given(seeds, dims)
def test_a_pair_that_needs_no_damping_is_left_alone(seed, dim):
    H, s, _ = draw(seed, dim)
    y = torch.linalg.solve(H, s)  # sᵀy = yᵀHy
    curvature = s @ y
    pair = double_damping(s, y, H @ y, powell=0.2, identity=float(0.5 * curvature / (s @ s)))
    assert torch.equal(pair.step, s)
    assert torch.equal(pair.change, y)
    assert not pair.powell
    assert not pair.identity


def test_zero_pairs_are_not_damped_and_never_nan():
    zero = torch.zeros(3, dtype=torch.float64)
    pair = double_damping(zero, zero, zero, powell=0.2, identity=0.5)
    assert torch.equal(pair.step, zero)
    assert torch.equal(pair.change, zero)


@laws
@given(seeds, dims, damping_values)
def test_an_update_meets_the_secant_equation_and_stays_positive_definite(seed, dim, damping):
    H, s, y = draw(seed, dim)
    pair = double_damping(s, y, H @ y, powell=0.2, identity=identity_threshold(damping))
    before = H.clone()
    assert bfgs_update_(H, pair.step, pair.change, floor=0.0, allowed=ALLOWED)
    growth = (before @ pair.change).norm() * pair.step.norm() / (pair.step @ pair.change)
    tolerance = 1e-13 * float(growth**2 + 1) * float(H.norm() * pair.change.norm())
    assert (H @ pair.change - pair.step).norm() <= tolerance
    assert (H - H.T).norm() <= 1e-14 * H.norm() * float(growth + 1)
    assert torch.linalg.eigvalsh(H)[0] > 0


@laws
@given(seeds, dims, damping_values)
def test_many_damped_updates_keep_the_factor_positive_definite(seed, dim, damping):
    generator = torch.Generator().manual_seed(seed)
    H = torch.eye(dim, dtype=torch.float64)
    for _ in range(20):
        s = torch.randn(dim, dtype=torch.float64, generator=generator)
        y = torch.randn(dim, dtype=torch.float64, generator=generator)
        pair = double_damping(s, y, H @ y, powell=0.2, identity=identity_threshold(damping))
        bfgs_update_(H, pair.step, pair.change, floor=0.0, allowed=ALLOWED)
        assert torch.linalg.eigvalsh(H)[0] > 0


@laws
@given(seeds, st.integers(2, 6))
def test_undamped_on_a_quadratic_it_is_bfgs_and_finds_the_inverse(seed, dim):
    generator = torch.Generator().manual_seed(seed)
    hessian = spd(dim, generator) + torch.eye(dim, dtype=torch.float64)
    point = torch.randn(dim, dtype=torch.float64, generator=generator)
    H = torch.eye(dim, dtype=torch.float64)
    for _ in range(dim):
        gradient = hessian @ point
        direction = -H @ gradient
        exact = -(gradient @ direction) / (direction @ hessian @ direction)
        s = exact * direction
        assert bfgs_update_(H, s, hessian @ s, floor=0.0, allowed=ALLOWED)
        point = point + s
    inverse = torch.linalg.inv(hessian)
    assert (H - inverse).norm() < 1e-5 * inverse.norm()


@pytest.mark.parametrize(
    ("s", "y", "allowed"),
    [
        ((0.0, 0.0), (1.0, 0.0), True),
        ((1.0, 0.0), (-1.0, 0.0), True),
        ((1.0, 0.0), (0.0, 0.0), True),
        ((float("nan"), 0.0), (1.0, 0.0), True),
        ((1.0, 0.0), (float("inf"), 0.0), True),
        ((1.0,), (float("inf"),), True),
        ((1.0, 1e8), (1.0, 0.0), True),
        ((1.0, 0.0), (1.0, 0.0), False),
    ],
    ids=["s=0", "sy<0", "y=0", "nan", "inf", "inf alone", "cancellation", "not allowed"],
)
def test_an_unsafe_update_leaves_the_factor_untouched(s, y, allowed):
    H = torch.eye(len(s))
    made = bfgs_update_(
        H, torch.tensor(s), torch.tensor(y), floor=0.0, allowed=torch.tensor(allowed)
    )
    assert not made
    assert torch.equal(H, torch.eye(len(s)))


def test_an_indefinite_factor_is_not_updated_further():
    H = torch.diag(torch.tensor([1.0, -1.0]))
    y = torch.tensor([0.1, 1.0])
    assert not bfgs_update_(H, y.clone(), y, floor=0.0, allowed=ALLOWED)


@laws
@given(seeds, st.integers(1, 5), st.integers(1, 6), st.floats(0.0, 0.99), st.booleans())
def test_the_gram_update_is_the_average_of_outer_products(seed, rows, dim, decay, bias):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(rows, dim, dtype=torch.float64, generator=generator)
    full = torch.cat([a, torch.ones(rows, 1, dtype=torch.float64)], 1) if bias else a
    old = spd(full.shape[1], generator)
    wanted = decay * old + 0.3 * full.T @ full
    accumulate_gram_(old, a, decay=decay, weight=0.3)
    accumulate_borders_([old], [a.sum(0)], [rows], decay=decay, weight=0.3)
    assert torch.allclose(old, wanted, rtol=1e-13, atol=1e-13)


def test_the_gram_update_in_blocks_is_the_whole_product():
    a = torch.randn(9, 700, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    factor = torch.zeros(700, 700, dtype=torch.float64)
    accumulate_gram_(factor, a, decay=0.5, weight=1.0)
    assert torch.allclose(factor, a.T @ a, rtol=1e-13, atol=1e-12)


@laws
@given(seeds, dims, damping_values)
def test_the_damped_inverse_inverts(seed, dim, damping):
    A = spd(dim, torch.Generator().manual_seed(seed))
    eye = torch.eye(dim, dtype=torch.float64)
    assert torch.allclose(damped_inverse(A, damping) @ (A + damping * eye), eye, atol=1e-9)


@laws
@given(
    st.floats(-1e3, 1e3),
    st.floats(0, 1e6),
    st.floats(1e-4, 10),
    st.floats(0.01, 1),
    st.floats(1e-6, 1),
)
def test_the_capped_step_promises_no_more_than_its_part_of_the_loss(
    loss, predicted, lr, cap, floor
):
    scale = step_scale(
        Safeguard(cap=cap, loss_floor=floor),
        lr=lr,
        predicted=torch.tensor(predicted, dtype=torch.float64),
        loss=torch.tensor(loss, dtype=torch.float64),
    )
    limit = cap * max(abs(loss), floor)
    assert 0 < scale <= 1
    assert lr * predicted * float(scale) <= limit * (1 + 1e-12)
    if lr * predicted <= limit:
        assert scale == 1


def test_float32_factors_stay_positive_definite_over_1000_steps():
    model = network(6, 10, 4, dtype=torch.float32)
    opt = KBFGS(model, lr=0.1, damping=0.1)
    x, y = data(60, 6, 4, dtype=torch.float32)
    for step in range(1000):
        rows = slice(20 * (step % 3), 20 * (step % 3 + 1))
        loss = opt.step(closure_for(opt, model, x[rows], y[rows]))
        if step % 100 == 99:
            for layer in opt.state_dict()["kbfgs"]["layers"].values():
                for key in ("input_inverse", "output_inverse"):
                    assert torch.linalg.eigvalsh(layer[key].double())[0] > 0
    assert math.isfinite(float(loss))
