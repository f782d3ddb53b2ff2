"""Rows that are stored as bytes and seen as numbers."""

import pytest
import torch

from workers.problems import Split

BYTES = torch.arange(10, dtype=torch.uint8).reshape(5, 2)
ROWS = torch.arange(5)


def halves(stored: torch.Tensor) -> torch.Tensor:
    return stored.float() / 2


@pytest.mark.parametrize(
    "batches_of", [lambda split: split.cut(2), lambda split: map(split.take, ROWS.split(2))]
)
def test_a_batch_shows_what_the_stored_rows_decode_to(batches_of):
    split = Split(BYTES, torch.arange(5), decode=halves)
    batches = list(batches_of(split))
    assert torch.equal(torch.cat([batch.inputs for batch in batches]), halves(BYTES))
    assert torch.equal(torch.cat([batch.targets for batch in batches]), torch.arange(5))
    assert split.inputs.dtype == torch.uint8


def test_targets_that_are_the_inputs_are_decoded_once_and_stay_the_inputs():
    split = Split(BYTES, BYTES, decode=halves)
    batch = split.take(torch.tensor([3, 1]))
    assert batch.inputs.tolist() == [[3.0, 3.5], [1.0, 1.5]]
    assert batch.targets is batch.inputs
