"""What the records of a run say about the closure and the layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from kbfgs.capture import LayerRecord
from kbfgs.checks import DeferredChecks
from kbfgs.errors import ClosureError, UnsupportedModelError
from kbfgs.layers.base import LayerAdapter

BATCH_TOLERANCE = 1e-4


def judge_first_records(
    adapters: Sequence[LayerAdapter], records: Mapping[str, LayerRecord]
) -> dict[str, str]:
    """The layers that cannot be preconditioned in this step, with the reason.

    Raises:
        ClosureError: No layer was called, or none got a gradient.
        UnsupportedModelError: No layer is left.
    """
    if not records:
        raise ClosureError(
            "no preconditioned layer was called with gradients on: the closure must run the "
            "model; if the model was compiled, build KBFGS before torch.compile"
        )
    if all(r.gradient_sum is None and r.problem is None for r in records.values()):
        raise ClosureError(
            "the closure must call backward(), without `inputs`, on the loss it returns"
        )
    reasons = {
        adapter.name: reason
        for adapter in adapters
        if (reason := _reason(adapter, records.get(adapter.name))) is not None
    }
    if len(reasons) == len(adapters):
        listed = "; ".join(f"{name!r}: {reason}" for name, reason in reasons.items())
        raise UnsupportedModelError(
            f"no layer is left to precondition ({listed}): use torch.optim.AdamW for this model"
        )
    return reasons


def check_second_records(
    first: Mapping[str, LayerRecord], second: Mapping[str, LayerRecord]
) -> None:
    """Refuse a second run in which the layers did not see what they saw in the first.

    Raises:
        ClosureError: A layer was not called, saw other rows or got no gradient.
    """
    for name, before in first.items():
        after = second.get(name)
        if after is None or after.positions != before.positions:
            rows = 0 if after is None else after.positions
            raise ClosureError(
                f"layer {name!r} saw {before.positions} rows in the first run of the closure and "
                f"{rows} in the second: both must run the same mini-batch"
            )
        if after.gradient_sum is None:
            raise ClosureError(
                f"layer {name!r} got no gradient in the second run of the closure: it must call "
                "backward() in both"
            )


def check_sample_records(
    first: Mapping[str, LayerRecord],
    sample: Mapping[str, LayerRecord],
    *,
    rows: int,
    wanted: int,
    backward: bool,
) -> None:
    """Refuse a curvature closure that does not run the first rows of the mini-batch.

    Args:
        first: What the layers saw of the whole mini-batch.
        sample: What they saw of its first rows.
        rows: Rows of the mini-batch.
        wanted: The rows that the curvature closure should run.
        backward: Whether a gradient must have come to every layer.

    Raises:
        ClosureError: A layer saw other rows or got no gradient.
    """
    for name, whole in first.items():
        part = sample.get(name)
        seen = 0 if part is None else part.positions
        if part is None or part.positions * rows != whole.positions * wanted:
            raise ClosureError(
                f"layer {name!r} saw {seen} rows in curvature_closure, but it must run the first "
                f"{wanted} of the {rows} rows of the mini-batch (curvature_fraction x rows, "
                "rounded up)"
            )
        if part.problem is not None or (backward and part.gradient_sum is None):
            reason = part.problem or "it got no gradient: call backward() on the mean loss"
            raise ClosureError(f"layer {name!r} in curvature_closure: {reason}")


def check_fisher_records(
    first: Mapping[str, LayerRecord], fisher: Mapping[str, LayerRecord]
) -> None:
    """Refuse a run of the model in the fisher_closure on other rows than the closure's.

    Raises:
        ClosureError: A layer was not called, or saw other rows.
    """
    for name, before in first.items():
        rows = fisher[name].positions if name in fisher else 0
        if rows != before.positions:
            raise ClosureError(
                f"layer {name!r} saw {before.positions} rows in the closure and {rows} in the "
                "fisher_closure: both must run the same mini-batch"
            )


def check_same_batch(
    before: Sequence[Tensor], after: Sequence[Tensor], *, checks: DeferredChecks
) -> None:
    """Refuse a second run on other data, seen by the mean over the rows.

    Args:
        before: Means in the first run.
        after: Means in the second run.
        checks: Where the verdict goes.

    Raises:
        ClosureError: They differ.
    """
    message = (
        "the second run of the closure saw another batch than the first: fetch the batch, and "
        "draw random augmentations by numpy or Python, outside of the closure"
    )
    if [mean.shape for mean in before] != [mean.shape for mean in after]:
        raise ClosureError(message)
    for old, new in zip(before, after, strict=True):
        apart = (old - new).abs().max() if old.numel() else torch.zeros((), device=old.device)
        scale = old.abs().max() if old.numel() else apart
        checks.require(~(apart > BATCH_TOLERANCE * scale), ClosureError, message)


def _reason(adapter: LayerAdapter, record: LayerRecord | None) -> str | None:
    if record is None:
        return "it was not called"
    if record.problem is not None:
        return record.problem
    if not all(parameter.requires_grad for parameter in adapter.parameters):
        return "it is frozen"
    if record.gradient_sum is None or any(p.grad is None for p in adapter.parameters):
        return "it got no gradient"
    return None
