"""What the first run of a mini-batch already tells of its first rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from kbfgs.capture import LayerRecord
from kbfgs.checks import READ_EVERY_STEPS
from kbfgs.layers.base import LayerAdapter

AGREEMENT = 1e-4
Records = Mapping[str, LayerRecord]


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

    That is found out, not assumed. The first sample, and then one in every fifty, is run and held
    against what the first run implies. Where they agree, the other steps run no sample but a probe:
    the layers return what they returned in the first run, so that only what lies between them and
    the loss is computed, and the graph is cut at each. It gives the loss of these rows, and the
    step goes without a sample only if the probe saw the implied inputs of every layer and the
    implied g of those whose outputs the loss takes. What changes from batch to batch, such as a
    loss that is the mean over the tokens that are no padding, is found in the step where it does.

    Attributes:
        heads: The layers whose g a probe tells, by name; empty where samples are run.
        used: Probes that stood for a sample since the last one.
    """

    def __init__(self, *, heads: Iterable[str] = (), used: int = 0) -> None:
        self.heads = list(heads)
        self.used = used

    @property
    def is_trusted(self) -> bool:
        """Whether a probe may do this time."""
        return bool(self.heads) and self.used < READ_EVERY_STEPS

    def confirms(self, implied: Records, probe: Records) -> bool:
        """Whether a probe saw what the first run implies."""
        self.used += 1
        return _inputs_agree(implied, probe) and _gradients_agree(implied, probe, self.heads)

    def trust(self, sample: Records, probe: Records) -> None:
        """Note for which layers a probe sees the g of a sample that the first run implied."""
        self.used = 0
        self.heads = [name for name in sample if _gradients_agree(sample, probe, [name])]

    def distrust(self) -> None:
        """Run samples until one agrees."""
        self.heads = []


def samples_agree(implied: Records, seen: Records) -> bool:
    """Whether Σ h and Σ g of every layer are the same, up to rounding."""
    return _gradients_agree(implied, seen, implied) and all(
        record.positions == seen[name].positions
        and _agree(record.output_sum, seen[name].output_sum)
        for name, record in implied.items()
    )


def _inputs_agree(implied: Records, seen: Records) -> bool:
    return all(
        record.positions == seen[name].positions and _agree(record.input_sum, seen[name].input_sum)
        for name, record in implied.items()
    )


def _gradients_agree(implied: Records, seen: Records, names: Iterable[str]) -> bool:
    return all(_agree(implied[name].gradient_sum, seen[name].gradient_sum) for name in names)


def _agree(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return False
    return bool((one - other).abs().max() <= AGREEMENT * other.abs().max())
