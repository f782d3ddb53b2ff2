"""Matrices lie with their rows on cache lines, and are otherwise what they were."""

import pytest
import torch

from kbfgs import KBFGS
from kbfgs.layout import LINE_BYTES, aligned_copy, aligned_product
from tests.support.networks import network


def starts_on_lines(matrix: torch.Tensor) -> bool:
    return matrix.stride(1) == 1 and matrix.stride(0) * matrix.element_size() % LINE_BYTES == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_product_on_lines_is_the_product(dtype: torch.dtype) -> None:
    left, right = torch.randn(5, 7, dtype=dtype), torch.randn(7, 17, dtype=dtype)
    product = aligned_product(aligned_copy(left), aligned_copy(right))
    torch.testing.assert_close(product, left @ right)
    assert starts_on_lines(product)


def test_every_matrix_of_a_layer_lies_on_lines_also_after_loading() -> None:
    batch = torch.randn(9, 4, dtype=torch.float64)

    def trained() -> KBFGS:
        model = network(4, 7, 3)
        opt = KBFGS(model)

        def closure() -> torch.Tensor:
            opt.zero_grad()
            loss = model(batch).square().mean()
            loss.backward()
            return loss

        opt.step(closure)
        return opt

    opt, saved = trained(), trained().state_dict()
    for _ in range(2):
        layers = opt.state_dict()["kbfgs"]["layers"].values()
        matrices = [t for layer in layers for t in layer.values() if t.dim() == 2]
        assert len(matrices) == 4 * len(layers)
        assert all(starts_on_lines(matrix) for matrix in matrices)
        opt.load_state_dict(saved)
