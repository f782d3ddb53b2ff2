"""The ratio test where losses carry more noise than a step promises."""

import math
import random

import pytest
import torch
from torch import nn

from kbfgs import KBFGS
from kbfgs.ratio_test import SMALLEST_SCALE, RatioTest
from tests.support.networks import data, half_squared_error, network


class Run:
    """Steps of a parameter whose loss is its value, and noise."""

    def __init__(self, *, promise: float) -> None:
        self.promise = promise
        self.parameter = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.inner = torch.optim.AdamW([self.parameter])
        self.test = RatioTest(min_ratio=-1.0, recovery=1.1, device=torch.device("cpu"))
        self.noise = random.Random(0)

    @torch.no_grad()
    def step(self, rise: float | None = None) -> bool:
        """One step, after which the loss has risen by so much, or else by what noise gives."""
        self.parameter.grad = torch.ones((), dtype=torch.float64)
        self.test.begin([self.parameter], self.inner)
        promised = self.promise * float(self.test.scale)
        self.parameter -= promised
        if rise is None:
            rise = self.noise.gauss(0, 1) - promised
        before = torch.tensor(3.0, dtype=torch.float64)
        return bool(self.test.settle(before, before + rise, unit=1e-16))


@pytest.mark.parametrize("promise", [0.3, 1e-2, 1e-6])
def test_steps_that_promise_less_than_the_noise_keep_their_length(promise):
    run = Run(promise=promise)
    for _ in range(150):  # to learn how large the noise is
        run.step()
    scales, rejected = [], int(run.test.rejected)
    for _ in range(300):
        run.step()
        scales.append(float(run.test.scale))
    assert sum(scales) / 300 > 0.8
    assert int(run.test.rejected) - rejected < 0.06 * 300


def test_a_rise_far_above_the_noise_is_taken_back():
    run = Run(promise=1e-2)
    for _ in range(200):
        run.step()
    assert run.step(rise=5.0) is False
    assert run.step(rise=-0.1) is True


def test_without_noise_a_rise_above_the_promise_is_taken_back_as_ever():
    run = Run(promise=1.0)
    for _ in range(50):
        assert run.step(rise=-float(run.test.scale))
    assert float(run.test.usual_rise) == 0.0
    assert run.step(rise=1.01) is False


def test_steps_that_overshoot_by_what_they_promised_are_no_noise():
    run = Run(promise=1.0)
    for _ in range(50):
        assert run.step(rise=0.99 * float(run.test.scale))
    assert float(run.test.usual_rise) == 0.0
    assert run.step(rise=1.5) is False


def test_a_disaster_does_not_pass_for_usual():
    run = Run(promise=1.0)
    for _ in range(4):
        assert run.step(rise=1e6) is False
    assert float(run.test.usual_rise) < 1.0


@pytest.mark.parametrize("rise", [math.nan, math.inf])
def test_losses_that_are_not_finite_leave_what_is_usual_finite(rise):
    run = Run(promise=1.0)
    for _ in range(30):
        assert run.step(rise=rise) is False
    assert math.isfinite(float(run.test.usual_rise))
    assert float(run.test.scale) == SMALLEST_SCALE


@pytest.mark.parametrize("gradient", [math.nan, math.inf])
def test_a_promise_that_is_not_finite_does_not_end_the_test(gradient):
    run = Run(promise=1.0)
    run.parameter.grad = torch.tensor(gradient, dtype=torch.float64)
    run.test.begin([run.parameter], run.inner)
    before = torch.ones((), dtype=torch.float64)
    with torch.no_grad():
        run.parameter -= 1.0
        run.test.settle(before, before * math.nan, unit=1e-16)
    assert run.step(rise=100.0) is False


def test_a_loss_with_noise_of_its_own_does_not_stop_the_training():
    """Random numbers that do not come from torch differ between the runs of the closure."""
    model = network(5, 6, 3)
    opt = KBFGS(model, lr=1e-3)
    x, y = data(20, 5, 3)
    noise = random.Random(0)

    def closure():
        opt.zero_grad()
        loss = half_squared_error(model(x), y) + 0.1 * noise.gauss(0, 1)
        loss.backward()
        return loss

    for _ in range(150):
        opt.step(closure)
    assert opt.diagnostics().step_scale > 0.1
    assert opt.diagnostics().rejected_steps < 30
