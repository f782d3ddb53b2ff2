"""What is measured of a model at fixed weights: mean loss and accuracy over a whole split."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workers.problems.base import Classifying, Problem, Split, Splits
from workers.ranks.base import ALONE, Ranks, summed

EVALUATION_ROWS = 1000


@dataclass(frozen=True)
class Evaluation:
    """A model on one split.

    Attributes:
        loss: Mean over the rows; None where it is not finite.
        accuracy: Share of the rows that are right; None where rows have no classes.
    """

    loss: float | None
    accuracy: float | None


def evaluate_splits(
    model: nn.Module, problem: Problem, data: Splits, ranks: Ranks = ALONE
) -> dict[str, float | None]:
    """Every metric of a problem by its name, in eval mode; the model stays in that mode.

    What the problem has no rows or no classes for is None. Several ranks share the rows, and all
    of them get the same figures.
    """
    ranks.align_buffers(model)
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    figures: dict[str, float | None] = {}
    for name, split in splits.items():
        found = (
            evaluate(model, problem, split, ranks) if split is not None else Evaluation(None, None)
        )
        figures |= {f"{name}_loss": found.loss, f"{name}_accuracy": found.accuracy}
    return figures


@torch.no_grad()
def evaluate(model: nn.Module, problem: Problem, split: Split, ranks: Ranks = ALONE) -> Evaluation:
    """The model on all rows of a split, in eval mode, summed up in float64, rank after rank."""
    model.eval()
    loss, right = torch.zeros(2, dtype=torch.float64, device=split.inputs.device)
    for batch in split.cut(EVALUATION_ROWS, first=ranks.rank, every=ranks.size):
        outputs: Tensor = model(batch.inputs)
        loss += problem.loss(outputs, batch.targets).double() * len(batch)
        if isinstance(problem, Classifying):
            right += problem.correct(outputs, batch.targets).double()
    total_loss, total_right = summed(ranks, (loss.item(), right.item()))
    mean = total_loss / len(split)
    return Evaluation(
        loss=mean if math.isfinite(mean) else None,
        accuracy=total_right / len(split) if isinstance(problem, Classifying) else None,
    )
