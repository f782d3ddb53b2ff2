"""The problem on 5,000 digits: its data, its model and its loss."""

import math

import pytest
import torch
from torch import nn

from service.contracts.catalogue import built_in
from workers.problems import build_problem
from workers.problems.mnist_5k import Mnist5kAutoencoder

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def problem() -> Mnist5kAutoencoder:
    return Mnist5kAutoencoder()


def test_the_catalogue_counts_the_rows_rightly(problem):
    entry = built_in().problem(problem.name)
    splits = problem.load(CPU)
    assert (len(splits.train), len(splits.test)) == (entry.training_rows, entry.test_rows)


def test_data_are_float32_between_0_and_1_and_their_own_targets(problem):
    for split in (problem.load(CPU).train, problem.load(CPU).test):
        assert split.inputs.dtype == torch.float32
        assert split.inputs.min() == 0
        assert split.inputs.max() == 1
        assert split.targets is split.inputs
        assert split.inputs.shape[1] == 784


def test_the_layers_are_those_of_the_catalogues_title(problem):
    linears = [layer for layer in problem.build_model() if isinstance(layer, nn.Linear)]
    sizes = [linears[0].in_features, *(layer.out_features for layer in linears)]
    title = built_in().problem(problem.name).title
    assert "-".join(map(str, sizes)) in title


def test_code_and_output_are_linear_and_all_else_goes_through_relu(problem):
    kinds = [type(layer).__name__ for layer in problem.build_model()]
    hidden = ["Linear", "ReLU"]
    assert kinds == [*hidden, *hidden, "Linear", *hidden, *hidden, "Linear"]


def test_zero_logits_cost_ln_2_a_pixel(problem):
    """BCE of a logit 0 is ln 2, whatever the target: 784 ln 2 a digit."""
    digits = problem.load(CPU).train.inputs[:10]
    loss = problem.loss(torch.zeros_like(digits), digits)
    assert loss.item() == pytest.approx(784 * math.log(2), rel=1e-6)


def test_the_loss_is_the_hand_computed_one():
    """One pixel, logit 2, target 1: ln(1 + e^-2); logit 2, target 0: 2 + ln(1 + e^-2)."""
    outputs, targets = torch.tensor([[2.0], [2.0]]), torch.tensor([[1.0], [0.0]])
    expected = (2 * math.log1p(math.exp(-2)) + 2) / 2
    assert Mnist5kAutoencoder().loss(outputs, targets).item() == pytest.approx(expected)


def test_targets_are_sampled_with_the_probability_of_each_pixel(problem):
    probabilities = torch.tensor([0.0, 0.2, 0.5, 1.0])
    outputs = torch.logit(probabilities).repeat(20_000, 1).requires_grad_()
    torch.manual_seed(0)
    sampled = problem.sample_targets(outputs)
    assert not sampled.requires_grad
    assert set(sampled.unique().tolist()) == {0.0, 1.0}
    assert torch.allclose(sampled.mean(0), probabilities, atol=0.015)


def test_an_unknown_problem_is_refused_with_those_that_exist():
    with pytest.raises(LookupError, match="mnist-5k-autoencoder"):
        build_problem("mnist-9k")
