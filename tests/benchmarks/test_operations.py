"""The counted work of a step, against the figures counted by hand and against a profiler."""

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks import operations
from benchmarks.autoencoder import MNIST_SIZES, autoencoder, reconstruction_loss

LAYERS = operations.shapes(MNIST_SIZES)
# ALGORITHMS.md counts SGD as three forwards.
SGD_COUNT = 3 * operations.forward(LAYERS, 1000)


def test_sgd_takes_seventeen_billion_operations_on_the_mnist_autoencoder() -> None:
    assert round(SGD_COUNT / 1e9, 1) == 17.0


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        (2 * operations.input_factors(LAYERS, 1000), 0.38),
        (operations.direction(LAYERS), 0.53),
        (2 * operations.forward(LAYERS, 1000), 0.67),
        (2 * (operations.input_factors(LAYERS, 1000) + operations.output_factors(LAYERS, 1000)),
         0.76),
        (2 * operations.inverses(LAYERS, every=20), 0.03),
    ],
)  # fmt: skip
def test_each_part_of_a_step_costs_the_published_count(counted: int, expected: float) -> None:
    assert counted / SGD_COUNT == pytest.approx(expected, abs=0.01)


def test_the_gradient_costs_what_the_profiler_counts() -> None:
    sizes, rows = (12, 20, 8, 4, 8, 20, 12), 16
    model, pictures = autoencoder(sizes), torch.rand(rows, sizes[0])
    with profile(activities=[ProfilerActivity.CPU], with_flops=True) as seen:
        reconstruction_loss(model(pictures), pictures).backward()
    products = ("aten::addmm", "aten::mm")
    counted = sum(e.flops for e in seen.key_averages() if e.key in products)
    assert counted == operations.gradient(operations.shapes(sizes), rows)


def test_a_tenth_of_the_rows_is_run_after_the_step_alone() -> None:
    full = operations.kbfgs_phases(LAYERS, 1000)
    part = operations.kbfgs_phases(LAYERS, 1000, fraction=0.1)
    assert part["second_pass"] == full["second_pass"] // 10
    assert part["first_pass"] == full["first_pass"]
    assert part["direction"] == full["direction"]


def test_a_hundred_pairs_take_less_work_than_the_matrix() -> None:
    dense = operations.kbfgs_phases(LAYERS, 1000)
    limited = operations.kbfgs_phases(LAYERS, 1000, memory=100)
    assert sum(limited.values()) < sum(dense.values())


def test_vectors_are_under_two_percent_of_the_gradient_and_triangles_above_all_of_it() -> None:
    gradient = operations.gradient_bytes(LAYERS)
    assert gradient / 1e6 == pytest.approx(11.3, abs=0.1)
    assert operations.vector_bytes(LAYERS, ranks=2) < 0.02 * gradient
    assert operations.kfac_bytes(LAYERS) > gradient
