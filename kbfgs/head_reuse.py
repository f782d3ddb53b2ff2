"""What the first run of a mini-batch already tells of its first rows."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from kbfgs.capture import LayerRecord
from kbfgs.checks import READ_EVERY_STEPS
from kbfgs.layers.base import LayerAdapter

AGREEMENT = 1e-4


def head_record(
    record: LayerRecord, adapter: LayerAdapter, *, rows: int, wanted: int
) -> LayerRecord | None:
    """The record of a run of the first rows alone, as the run of all rows implies it.

    Holds where the rows do not act on each other and the loss is their mean, which `HeadReuse`
    finds out by comparison.

    Args:
        record: What the layer saw of all rows.
        adapter: The layer.
        rows: B, all rows.
        wanted: ⌈f·B⌉, the first rows.

    Returns:
        None where the layer was called several times, or its rows do not divide like the batch's.
    """
    if record.head_positions is None or record.head_positions * rows != record.positions * wanted:
        return None
    assert record.gradient_sum is not None
    inputs = record.inputs[0]
    if inputs.shape[0] * wanted % rows:
        return None
    head = inputs[: inputs.shape[0] * wanted // rows]
    return LayerRecord(
        positions=record.head_positions,
        inputs=[head],
        input_sums=[adapter.input_sum(head)],
        output_sum=record.output_sum,
        gradient_sum=record.gradient_sum * (rows / wanted),
    )


class HeadReuse:
    """Whether the first run may stand for a run of its first rows alone.

    That is found out, not assumed: the first sample, and then one in every fifty, is run and its
    sums of h and g are held against those that the first run implies. Dropout, a loss that is no
    mean over the rows, or a layout with other dimensions first make them differ; then each sample
    is run.

    Attributes:
        trusted: Whether the last comparison found them equal.
        used: Samples taken without a run since then.
    """

    def __init__(self, *, trusted: bool = False, used: int = 0) -> None:
        self.trusted = trusted
        self.used = used

    def take(self) -> bool:
        """Whether to go without a run this time."""
        if not self.trusted or self.used >= READ_EVERY_STEPS:
            return False
        self.used += 1
        return True

    def compare(self, implied: Mapping[str, LayerRecord], seen: Mapping[str, LayerRecord]) -> None:
        """Hold what the first run implies against what a run of the first rows saw."""
        self.used = 0
        self.trusted = all(
            record.positions == seen[name].positions
            and _agree(record.output_sum, seen[name].output_sum)
            and _agree(record.gradient_sum, seen[name].gradient_sum)
            for name, record in implied.items()
        )


def _agree(one: Tensor | None, other: Tensor | None) -> bool:
    assert one is not None
    assert other is not None
    return bool((one - other).abs().max() <= AGREEMENT * other.abs().max())
