"""The two packed messages of a step, and the means over all ranks' rows made from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kbfgs.capture import LayerRecord
from kbfgs.config import RowWeighting
from kbfgs.distributed.communicator import Communicator
from kbfgs.errors import ClosureError, DistributedError


@dataclass(frozen=True)
class LayerMeans:
    """Means over the mini-batch of one layer, over the rows and positions of all ranks.

    Attributes:
        positions: Positions of all curvature rows of all ranks.
        positions_per_row: |T|, the positions of a sample.
        inputs: mean a, shape (features,); None in the second pass.
        outputs: mean h, shape (d_out,).
        gradients: mean g, shape (d_out,); g is the gradient of one sample's loss.
    """

    positions: float
    positions_per_row: float
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
    """What all ranks know after the first message.

    Attributes:
        loss: The mean loss over the mini-batch, a scalar.
        curvature_loss: The mean loss over the curvature rows, a scalar.
        curvature_rows: Curvature rows of all ranks.
        layers: The layers' means; of h and g over the curvature rows.
        weight: How this rank's means enter the second message.
    """

    loss: Tensor
    curvature_loss: Tensor
    curvature_rows: float
    layers: list[LayerMeans]
    weight: RankWeight


@dataclass(frozen=True)
class SecondMeans:
    """What all ranks know after the second message.

    Attributes:
        loss: The mean loss over the curvature rows at the new weights, a scalar.
        layers: The layers' means of h and g there.
    """

    loss: Tensor
    layers: list[LayerMeans]


@dataclass(frozen=True)
class RankPart:
    """What this rank saw in one run.

    Attributes:
        records: The layers' records.
        loss: The closure's loss, a scalar.
        rows: Rows of the run.
    """

    records: Sequence[LayerRecord]
    loss: Tensor
    rows: int


def exchange_first(
    communicator: Communicator,
    whole: RankPart,
    sample: RankPart,
    *,
    weighting: RowWeighting | None,
) -> FirstMeans:
    """Sum {counts, loss, ā, h, g} over the ranks in one message.

    Args:
        communicator: The ranks.
        whole: The mini-batch.
        sample: Its curvature rows; the same object where they are all of its rows.
        weighting: Who weights uneven rows in the gradient.

    Raises:
        ClosureError: A rank has no rows.
        DistributedError: The ranks' rows differ and nobody weights them.
    """
    if communicator.world_size == 1:
        _check_rows([float(whole.rows)], weighting)
        one = RankWeight(1, 1)
        return FirstMeans(whole.loss, sample.loss, sample.rows, _local_means(whole, sample), one)
    like = _known(sample.records[0].output_sum)
    by_loss = weighting is RowWeighting.LOSS
    sent, sample_sent = (1.0 if by_loss else float(part.rows) for part in (whole, sample))
    message = [
        _counts(communicator, whole, sample).to(like),
        whole.loss.to(like) * sent,
        sample.loss.to(like) * sample_sent,
    ]
    for record, part in zip(whole.records, sample.records, strict=True):
        gradient = _known(part.gradient_sum)
        message += [record.input_sum, _known(part.output_sum), gradient * sample_sent]
    counts, total_loss, sample_loss, *sums = communicator.sum_together(message)
    world_size = communicator.world_size
    rank_rows = counts[:world_size].tolist()
    _check_rows(rank_rows, weighting)
    sample_rows, *positions = counts[world_size:].tolist()
    total = world_size if by_loss else sum(rank_rows)
    weight = RankWeight(sample_sent, float(world_size if by_loss else sample_rows))
    layers = _means(
        positions[1::2],
        sample_rows,
        inputs=_divided(sums[::3], positions[::2]),
        outputs=sums[1::3],
        gradients=_divided(sums[2::3], [weight.total] * len(whole.records)),
    )
    losses = total_loss / total, sample_loss / weight.total
    return FirstMeans(*losses, sample_rows, layers, weight)


def exchange_second(
    communicator: Communicator,
    records: Sequence[LayerRecord],
    first: FirstMeans,
    *,
    loss: Tensor,
    actions: Sequence[Tensor],
) -> tuple[SecondMeans, list[Tensor]]:
    """Sum {A_r s_a, h⁺, g⁺, loss⁺} over the ranks in one message.

    Args:
        communicator: The ranks.
        records: The layers' records of the second pass.
        first: What the first message gave.
        loss: The closure's loss at the new weights, a scalar.
        actions: A_r s_a of each layer.

    Returns:
        The means at the new weights, and A s_a of each layer.
    """
    weight = first.weight
    message = [weight.send(loss.to(actions[0].dtype))]
    for record, action in zip(records, actions, strict=True):
        gradient = weight.send(_known(record.gradient_sum))
        message += [action, _known(record.output_sum), gradient]
    total_loss, *sums = communicator.sum_together(message)
    layers = _means(
        [old.positions for old in first.layers],
        first.curvature_rows,
        inputs=[None] * len(records),
        outputs=sums[1::3],
        gradients=_divided(sums[2::3], [weight.total] * len(records)),
    )
    return SecondMeans(weight.receive(total_loss), layers), sums[::3]


def _local_means(whole: RankPart, sample: RankPart) -> list[LayerMeans]:
    return _means(
        [float(record.positions) for record in sample.records],
        sample.rows,
        inputs=_divided(
            [record.input_sum for record in whole.records],
            [float(record.positions) for record in whole.records],
        ),
        outputs=[_known(record.output_sum) for record in sample.records],
        gradients=[_known(record.gradient_sum) for record in sample.records],
    )


def _means(
    positions: Sequence[float],
    rows: float,
    *,
    inputs: Sequence[Tensor | None],
    outputs: Sequence[Tensor],
    gradients: Sequence[Tensor],
) -> list[LayerMeans]:
    """Each layer's means from mean a, Σ h, and the mean over rows of Σ g over positions."""
    per_row = [count / rows for count in positions]
    outputs, gradients = _divided(outputs, positions), _divided(gradients, per_row)
    return list(map(LayerMeans, positions, per_row, inputs, outputs, gradients))


def _divided(tensors: Sequence[Tensor], divisors: Sequence[float]) -> list[Tensor]:
    """Each tensor divided by its number; not one by one, which on a GPU costs as much for each."""
    if all(divisor == 1 for divisor in divisors):
        return list(tensors)
    return list(torch._foreach_div(list(tensors), list(divisors)))


def _counts(communicator: Communicator, whole: RankPart, sample: RankPart) -> Tensor:
    """Each rank's rows, the curvature rows, and each layer's positions in both runs."""
    counts = torch.zeros(communicator.world_size, dtype=torch.float64)
    counts[communicator.rank] = whole.rows
    layers = [
        part.positions for pair in zip(whole.records, sample.records, strict=True) for part in pair
    ]
    return torch.cat((counts, counts.new_tensor([sample.rows, *layers])))


def _check_rows(rank_rows: list[float], weighting: RowWeighting | None) -> None:
    if 0 in rank_rows:
        raise ClosureError(
            "the closure ran a mini-batch without rows, whose mean loss is not defined: leave "
            "empty mini-batches out, on every rank"
        )
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
