"""The transformer over characters: the causal network, and rows that follow each other."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from tests.support import by_hand
from tests.support.problem_arrays import generated
from tests.support.problem_suite import CPU, ProblemSuite, Weights, shares
from workers.data import Arrays, DataMissing
from workers.problems.text import CharTransformer, Rows

pytestmark = pytest.mark.training


class TestCharTransformer(ProblemSuite):
    name = "char-transformer"
    row = (64,)
    output = (64, 256)

    def loss_by_hand(self, found: Arrays, weights: Weights, rows: int) -> float:
        text = found["train"][: 64 * rows + 1]
        logits = by_hand.transformer(text[:-1].reshape(rows, 64), weights, blocks=2, heads=4)
        return by_hand.class_loss(logits, text[1:].reshape(rows, 64))

    def means(self, outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return shares(outputs)

    def drawn(self, sampled: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(sampled, 11)

    def test_each_row_goes_on_where_the_last_one_ended(self) -> None:
        train = self.make(generated).load(CPU).train
        text = torch.from_numpy(generated("python-text")["train"].astype(np.int64))
        batch = train.take(torch.arange(24))
        assert torch.equal(batch.inputs.flatten(), text[:-1])
        assert torch.equal(batch.targets.flatten(), text[1:])

    def test_no_place_sees_what_comes_after_it(self) -> None:
        model = self.make(generated).build_model()
        codes = torch.randint(0, 256, (2, 64), generator=torch.Generator().manual_seed(0))
        later = codes.clone()
        later[:, 40:] = (later[:, 40:] + 1) % 256
        first, second = model(codes), model(later)
        assert torch.equal(first[:, :40], second[:, :40])
        assert not torch.equal(first[:, 40], second[:, 40])

    def test_the_embeddings_are_the_output_layer(self) -> None:
        model = self.make(generated).build_model()
        assert model.outputs.weight is model.characters.weight

    def test_a_text_that_is_too_short_is_missing_data(self) -> None:
        longer = Rows(train=25, validation=2, test=2)
        with pytest.raises(DataMissing, match="has 1537 characters, more than 1600 are needed"):
            CharTransformer(source=generated, rows=longer).load(CPU)
