"""What outputs say of targets: losses by hand, and draws with the right probabilities."""

import math

import pytest
import torch

from workers.problems.likelihoods import Bernoulli, Categorical, Gaussian


def test_zero_logits_cost_ln_2_a_pixel():
    pixels = torch.rand(10, 784, generator=torch.Generator().manual_seed(0))
    loss = Bernoulli().loss(torch.zeros_like(pixels), pixels)
    assert loss.item() == pytest.approx(784 * math.log(2), rel=1e-6)


def test_a_pixel_costs_its_cross_entropy():
    """Logit 2, target 1: ln(1 + e^-2); logit 2, target 0: 2 + ln(1 + e^-2)."""
    outputs, targets = torch.tensor([[2.0], [2.0]]), torch.tensor([[1.0], [0.0]])
    expected = (2 * math.log1p(math.exp(-2)) + 2) / 2
    assert Bernoulli().loss(outputs, targets).item() == pytest.approx(expected)


def test_a_value_costs_half_its_squared_error_and_a_row_the_sum():
    outputs, targets = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.zeros(2, 2)
    assert Gaussian().loss(outputs, targets).item() == (0.5 * 1 + 0.5 * 4) / 2


def test_a_class_costs_its_surprise_and_a_row_the_mean_over_its_places():
    """Logits ln 1, ln 3: shares 1/4 and 3/4."""
    outputs = torch.tensor([0.0, math.log(3)]).expand(3, 2, 2)
    targets = torch.tensor([[0, 0], [1, 1], [0, 1]])
    assert Categorical().loss(outputs, targets).item() == pytest.approx(
        (math.log(4) + math.log(4 / 3)) / 2
    )


def test_a_row_is_right_by_the_share_of_its_places():
    outputs = torch.eye(3)[torch.tensor([[0, 1], [2, 2]])]
    assert Categorical().correct(outputs, torch.tensor([[0, 1], [2, 0]])).item() == 1.5
    assert Categorical().correct(outputs[:, 0], torch.tensor([0, 1])).item() == 1


def test_pixels_are_drawn_as_0_or_1_each_with_its_probability():
    probabilities = torch.tensor([0.0, 0.2, 0.5, 1.0])
    torch.manual_seed(0)
    sampled = Bernoulli().sample_targets(torch.logit(probabilities).repeat(20_000, 1))
    assert set(sampled.unique().tolist()) == {0.0, 1.0}
    assert torch.allclose(sampled.mean(0), probabilities, atol=0.015)


def test_values_are_drawn_with_unit_variance_around_the_outputs():
    torch.manual_seed(0)
    noise = Gaussian().sample_targets(torch.full((40_000, 2), 3.0)) - 3
    assert torch.cov(noise.T) == pytest.approx(torch.eye(2), abs=0.03)
