"""Matrix updates of the curvature factors, in place, each factor read and written once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.linalg import vecdot

from kbfgs.errors import IndefiniteFactorError

# Columns of a block on a CPU: 1000 inputs then cost 0.6 of the full product, and no less with
# smaller ones. On a GPU the blocks' launches would cost four times what the full product does.
_GRAM_BLOCK = 128


def growth_limit(dtype: torch.dtype) -> float:
    """The largest ρ‖s‖‖Hy‖ of an update that is still exact enough: about 1e3 in float32.

    The terms of the update are that number squared times larger than their result may be, so
    the limit is the one at which rounding reaches a tenth of it: limit² eps ≈ 0.1.
    """
    return float(0.35 / torch.finfo(dtype).eps ** 0.5)


@dataclass(frozen=True)
class PairProducts:
    """The scalars of a pair from which an update is decided, each of shape (...).

    Attributes:
        curvature: sᵀy.
        target: yᵀHy.
        made: Whether the update is safe, boolean.
    """

    curvature: Tensor
    target: Tensor
    made: Tensor


def judge_pair(
    step: Tensor, change: Tensor, product: Tensor, *, floor: Tensor | float, allowed: Tensor
) -> PairProducts:
    """Decide on an update from scalars, before anything is changed; no value is read.

    It is skipped when sᵀy <= floor ‖s‖², when yᵀHy <= 0, when ρ‖s‖‖Hy‖ exceeds `growth_limit`,
    and when anything is not finite.

    Args:
        step: s, shape (..., d).
        change: y, shape (..., d).
        product: Hy, shape (..., d).
        floor: Skip when sᵀy <= floor ‖s‖².
        allowed: Boolean, shape (...); False skips.
    """
    curvature = vecdot(step, change)
    length = vecdot(step, step)
    target = vecdot(change, product)
    growth = (length * vecdot(product, product)).sqrt()
    made = (
        allowed
        & (curvature > floor * length)
        & (curvature > 0)
        & (target > 0)
        & (growth <= growth_limit(step.dtype) * curvature)
        & (length + target < torch.inf)
    )
    return PairProducts(curvature, target, made)


@dataclass(frozen=True)
class RankTwo:
    """The update H + u sᵀ + s uᵀ.

    Attributes:
        half: u, shape (..., d); zeros where the update is skipped.
        step: s, shape (..., d); zeros likewise.
        made: Whether it is made, boolean, shape (...).
    """

    half: Tensor
    step: Tensor
    made: Tensor

    @property
    def factors(self) -> tuple[Tensor, Tensor]:
        """X and Y of u sᵀ + s uᵀ = X Yᵀ, each of shape (..., d, 2)."""
        return torch.stack((self.half, self.step), -1), torch.stack((self.step, self.half), -1)


def bfgs_terms(
    step: Tensor, change: Tensor, product: Tensor, *, floor: Tensor | float, allowed: Tensor
) -> RankTwo:
    """The BFGS update of an inverse Hessian approximation by one curvature pair.

    H ← (I - ρ s yᵀ) H (I - ρ y sᵀ) + ρ s sᵀ,  ρ = 1/sᵀy, computed as the rank-two update
    H + u sᵀ + s uᵀ with q = Hy and u = (ρ + ρ² yᵀq) s / 2 - ρ q.

    The decision to skip stays a tensor: a skipped update adds zeros.

    Args:
        step: s, shape (..., d).
        change: y, shape (..., d).
        product: q = Hy, shape (..., d).
        floor: Skip when sᵀy <= floor ‖s‖².
        allowed: Boolean, shape (...); False skips.
    """
    products = judge_pair(step, change, product, floor=floor, allowed=allowed)
    made, zero = products.made, step.new_zeros(())
    rho = torch.where(made, products.curvature.reciprocal(), zero)
    kept_target = torch.where(made, products.target, zero)
    kept_step = torch.where(made[..., None], step, zero)
    kept_product = torch.where(made[..., None], product, zero)
    along = 0.5 * rho * (1 + rho * kept_target)
    half = along[..., None] * kept_step - rho[..., None] * kept_product
    return RankTwo(half, kept_step, made)


def compact_middle(cross: Tensor, gram: Tensor, oldest: Tensor) -> Tensor:
    """K of the compact form H = I + [S; Y]ᵀ K [S; Y], by slot of the ring.

    K = [R⁻ᵀ (D + Y Yᵀ) R⁻¹, -R⁻ᵀ; -R⁻¹, 0] with R and D the upper triangle and the diagonal of
    S Yᵀ in the order of age (Byrd, Nocedal, Schnabel 1994, theorem 2.2).

    Args:
        cross: S Yᵀ by slot, shape (..., p, p); an empty slot has zeros.
        gram: Y Yᵀ by slot, shape (..., p, p).
        oldest: The oldest slot, int64, shape (..., 1); the empty ones count as oldest.

    Returns:
        Shape (..., 2p, 2p).
    """
    memory = cross.shape[-1]
    slots = torch.arange(memory, device=cross.device)
    aged_cross = _reordered(cross, (slots + oldest) % memory)
    diagonal = _diagonal(aged_cross)
    triangle = aged_cross.triu()
    _diagonal(triangle).copy_(torch.where(diagonal > 0, diagonal, 1.0))
    eye = torch.eye(memory, dtype=cross.dtype, device=cross.device)
    aged_inverse = torch.linalg.solve_triangular(triangle, eye, upper=True)
    inverse = _reordered(aged_inverse, (slots - oldest) % memory)
    inner = gram.clone()
    _diagonal(inner).add_(_diagonal(cross))
    middle = cross.new_zeros(*cross.shape[:-2], 2 * memory, 2 * memory)
    middle[..., :memory, :memory] = inverse.mT @ inner @ inverse
    middle[..., :memory, memory:] = -inverse.mT
    middle[..., memory:, :memory] = -inverse
    return middle


def _reordered(matrices: Tensor, order: Tensor) -> Tensor:
    """Rows and columns of matrices (..., p, p) in another order (..., p)."""
    rows = matrices.take_along_dim(order[..., None], -2)
    return rows.take_along_dim(order[..., None, :], -1)


def _diagonal(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=-2, dim2=-1)


def damped_inverse(factor: Tensor, damping: float) -> Tensor:
    """(A + damping I)⁻¹ by Cholesky.

    Args:
        factor: A, symmetric positive semidefinite, shape (d, d).
        damping: Added to the diagonal.

    Raises:
        IndefiniteFactorError: A is not finite or the sum is not positive definite.
    """
    inverse, definite = try_damped_inverse(factor, damping)
    if not definite:
        raise IndefiniteFactorError(
            f"input factor of shape {tuple(factor.shape)} is not positive definite with "
            f"{damping:g} on its diagonal: the layer's inputs are not finite, or raise damping"
        )
    return inverse


def try_damped_inverse(factor: Tensor, damping: float) -> tuple[Tensor, Tensor]:
    """(A + damping I)⁻¹ by Cholesky, and whether there is one; no value is read.

    Args:
        factor: A, symmetric positive semidefinite, shape (d, d).
        damping: Added to the diagonal.

    Returns:
        The inverse, shape (d, d), and a boolean scalar: where it is False, the inverse has no
        meaning.
    """
    damped = factor.clone()
    damped.diagonal().add_(damping)
    lower, info = torch.linalg.cholesky_ex(damped)
    # Row-major, so that a state that is loaded takes the same path through the matrix products.
    return torch.cholesky_inverse(lower).contiguous(), info == 0


def accumulate_gram_(factor: Tensor, rows: Tensor, *, decay: float, weight: float) -> None:
    """A ← decay A + weight Σ a aᵀ in place, but for a last row and column that A may have beyond a.

    The product is symmetric: on a CPU only blocks on and below the diagonal are computed.

    Args:
        factor: A, shape (d, d) or (d + 1, d + 1).
        rows: The inputs a, shape (n, d).
        decay: Factor of the old A.
        weight: Factor of the new sum.
    """
    dim = rows.shape[1]
    block = _GRAM_BLOCK if rows.device.type == "cpu" else dim
    for start in range(0, dim, block):
        stop = min(start + block, dim)
        lower = factor[start:stop, :stop]
        lower.addmm_(rows[:, start:stop].t(), rows[:, :stop], beta=decay, alpha=weight)
        if start:
            factor[:start, start:stop].copy_(lower[:, :start].t())


def accumulate_borders_(
    factors: Sequence[Tensor],
    row_sums: Sequence[Tensor],
    counts: Sequence[float],
    *,
    decay: float,
    weight: float,
) -> None:
    """The rest of A ← decay A + weight Σ ā āᵀ, ā = [a; 1] where A has a row more than a; in place.

    Args:
        factors: A of each layer, shape (d, d) or (d + 1, d + 1).
        row_sums: Σ a of each, shape (d,).
        counts: How many a there are of each.
        decay: Factor of the old A.
        weight: Factor of the new sum.
    """
    dims = [len(row_sum) for row_sum in row_sums]
    bordered = [index for index, dim in enumerate(dims) if len(factors[index]) > dim]
    if not bordered:
        return
    borders = [factors[index][dims[index]] for index in bordered]
    torch._foreach_mul_(borders, decay)
    torch._foreach_add_([border[-1] for border in borders], [weight * counts[k] for k in bordered])
    rows = [border[:-1] for border in borders]
    torch._foreach_add_(rows, [row_sums[index] for index in bordered], alpha=weight)
    torch._foreach_copy_([factors[index][:-1, -1] for index in bordered], rows)
