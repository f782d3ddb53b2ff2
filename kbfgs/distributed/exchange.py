"""The two packed messages of a step, and the means over all ranks' rows made from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kbfgs.capture import LayerRecord
from kbfgs.config import RowWeighting
from kbfgs.distributed.communicator import Communicator
from kbfgs.errors import DistributedError


@dataclass(frozen=True)
class LayerMeans:
    """Means over the mini-batch of one layer, over the rows of all ranks.

    Attributes:
        rows: Rows of all ranks.
        inputs: mean a, shape (d_in,); None in the second pass.
        outputs: mean h, shape (d_out,).
        gradients: mean g, shape (d_out,).
    """

    rows: float
    inputs: Tensor | None
    outputs: Tensor
    gradients: Tensor


@dataclass(frozen=True)
class RankWeight:
    """How a mean over this rank's rows enters the mean over all rows.

    Attributes:
        sent: What this rank multiplies it by before the sum.
        total: What the sum is divided by.
    """

    sent: float
    total: float

    def send(self, local_mean: Tensor) -> Tensor:
        """This rank's part of the sum."""
        return local_mean if self.sent == 1 else local_mean * self.sent

    def receive(self, summed: Tensor) -> Tensor:
        """The mean over all rows."""
        return summed if self.total == 1 else summed / self.total


@dataclass(frozen=True)
class FirstMeans:
    """What all ranks know after the first message."""

    loss: Tensor
    layers: list[LayerMeans]
    weight: RankWeight


def exchange_first(
    communicator: Communicator,
    records: Sequence[LayerRecord],
    loss: Tensor,
    *,
    rows: int,
    weighting: RowWeighting | None,
) -> FirstMeans:
    """Sum {counts, loss, ā, h, g} over the ranks in one message.

    Args:
        communicator: The ranks.
        records: The layers' records.
        loss: The closure's loss, a scalar.
        rows: This rank's rows of the mini-batch.
        weighting: Who weights uneven rows in the gradient.

    Raises:
        DistributedError: The ranks' rows differ and nobody weights them.
    """
    if communicator.world_size == 1:
        one = RankWeight(1, 1)
        return FirstMeans(loss, [_local_means(record) for record in records], one)
    like = _known(records[0].output_sum)
    counts = torch.zeros(communicator.world_size + len(records), dtype=torch.float64)
    counts[communicator.rank] = rows
    for index, record in enumerate(records):
        counts[communicator.world_size + index] = record.rows
    sent = 1.0 if weighting is RowWeighting.LOSS else float(rows)
    message = [counts.to(like), loss.to(like) * sent]
    for record in records:
        gradient = _known(record.gradient_sum)
        message += [record.input_sum, _known(record.output_sum), gradient * sent]
    total_counts, total_loss, *sums = communicator.sum_together(message)
    known = total_counts.tolist()
    rank_rows, layer_rows = known[: communicator.world_size], known[communicator.world_size :]
    _check_rows(rank_rows, weighting)
    total = communicator.world_size if weighting is RowWeighting.LOSS else sum(rank_rows)
    weight = RankWeight(sent, float(total))
    layers = [
        LayerMeans(count, sums[3 * i] / count, sums[3 * i + 1] / count, sums[3 * i + 2] / total)
        for i, count in enumerate(layer_rows)
    ]
    return FirstMeans(total_loss / total, layers, weight)


def exchange_second(
    communicator: Communicator,
    records: Sequence[LayerRecord],
    first: FirstMeans,
    *,
    loss: Tensor,
    actions: Sequence[Tensor],
) -> tuple[list[LayerMeans], list[Tensor], Tensor]:
    """Sum {A_r s_a, h⁺, g⁺, loss⁺} over the ranks in one message.

    Args:
        communicator: The ranks.
        records: The layers' records of the second pass.
        first: What the first message gave.
        loss: The closure's loss at the new weights, a scalar.
        actions: A_r s_a of each layer.

    Returns:
        The layers' means, A s_a of each layer, and the mean loss at the new weights.
    """
    weight = first.weight
    message = [weight.send(loss.to(actions[0].dtype))]
    for record, action in zip(records, actions, strict=True):
        gradient = weight.send(_known(record.gradient_sum))
        message += [action, _known(record.output_sum), gradient]
    total_loss, *sums = communicator.sum_together(message)
    layers = [
        LayerMeans(old.rows, None, sums[3 * i + 1] / old.rows, weight.receive(sums[3 * i + 2]))
        for i, old in enumerate(first.layers)
    ]
    return layers, sums[::3], weight.receive(total_loss)


def _local_means(record: LayerRecord) -> LayerMeans:
    rows = float(record.rows)
    return LayerMeans(
        rows,
        record.input_sum / rows,
        _known(record.output_sum) / rows,
        _known(record.gradient_sum),
    )


def _check_rows(rank_rows: list[float], weighting: RowWeighting | None) -> None:
    if weighting is None and len(set(rank_rows)) > 1:
        rows = [int(count) for count in rank_rows]
        raise DistributedError(
            f"the ranks have {rows} rows, and DDP averages their gradients as if they were even: "
            "build KBFGS(..., row_weighting='hook'), or 'loss' when the closure multiplies its "
            "loss by rows x world size / all rows"
        )


def _known(tensor: Tensor | None) -> Tensor:
    if tensor is None:
        raise RuntimeError("the record is incomplete")
    return tensor
