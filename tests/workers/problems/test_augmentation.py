"""Crops and flips follow from seed, epoch and row alone, and are the usual ones."""

import torch

from tests.support.problem_arrays import generated
from workers.problems import Split
from workers.problems.augmentation import crop_and_flip, random_words
from workers.problems.cifar10 import cifar10_resnet

ROWS = torch.arange(2000)
PICTURE = torch.arange(1.0, 1 + 2 * 8 * 8).reshape(1, 2, 8, 8)
PICTURES = PICTURE.expand(len(ROWS), -1, -1, -1)


def test_each_row_looks_the_same_whatever_batch_it_stands_in():
    whole = crop_and_flip(PICTURES, ROWS, seed=1, epoch=2)
    order = torch.randperm(len(ROWS), generator=torch.Generator().manual_seed(0))
    parts = [crop_and_flip(PICTURES[rows], rows, seed=1, epoch=2) for rows in order.split(37)]
    assert torch.equal(torch.cat(parts), whole[order])


def test_global_random_numbers_are_neither_used_nor_moved():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first = crop_and_flip(PICTURES, ROWS, seed=1, epoch=2)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(1)
    assert torch.equal(crop_and_flip(PICTURES, ROWS, seed=1, epoch=2), first)


def test_another_seed_epoch_or_row_looks_otherwise():
    def seen(**changed: int) -> torch.Tensor:
        return crop_and_flip(PICTURES, ROWS, **({"seed": 1, "epoch": 2} | changed))

    def same(a: torch.Tensor, b: torch.Tensor) -> float:
        return (a == b).flatten(1).all(1).double().mean().item()

    for other in (seen(seed=2), seen(epoch=3), seen().roll(1, 0)):
        assert 0 < same(seen(), other) < 4 / 162  # by chance one in 9 · 9 · 2


def test_a_picture_is_a_crop_of_the_padded_one_and_each_is_as_likely():
    """Each of the 9 · 9 · 2 crops of the picture with four zeros around it; χ² over 161."""
    padded = torch.nn.functional.pad(PICTURE[0], (4, 4, 4, 4))
    crops = [
        crop
        for down in range(9)
        for right in range(9)
        for window in [padded[:, down : down + 8, right : right + 8]]
        for crop in (window, window.flip(2))
    ]
    rows = torch.arange(162 * 60)
    seen = crop_and_flip(PICTURE.expand(len(rows), -1, -1, -1), rows, seed=0, epoch=0)
    counts = torch.stack([(seen == crop).flatten(1).all(1).sum() for crop in crops])
    assert counts.sum() == len(rows)
    chi_squared = ((counts - 60.0) ** 2 / 60).sum()
    assert 100 < chi_squared < 235


def test_the_words_are_those_of_splitmix64():
    """Vigna's splitmix64.c with the seed 1234567: its first five numbers."""
    published = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    found = random_words(torch.arange(1, 6), 1234567)
    assert found.tolist() == [word >> 33 for word in published]


def test_training_pictures_of_cifar10_are_augmented_and_keep_their_classes():
    problem = cifar10_resnet(generated)
    rows = torch.tensor([3, 1])
    batch = problem.load(torch.device("cpu")).train.take(rows)
    seen = problem.augment(batch, rows, seed=1, epoch=0)
    assert isinstance(seen, Split)
    assert torch.equal(seen.targets, batch.targets)
    assert torch.equal(seen.inputs, crop_and_flip(batch.inputs, rows, seed=1, epoch=0))
