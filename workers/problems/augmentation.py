"""Random crops and flips that follow from seed, epoch and row alone."""

import torch
from torch import Tensor

from workers.seeding import derived_seed

PADDING = 4
PLACES = 2 * PADDING + 1


def crop_and_flip(pictures: Tensor, rows: Tensor, *, seed: int, epoch: int) -> Tensor:
    """Each picture moved by up to four pixels in both directions, and mirrored half of the time.

    That is a crop of the picture's own size out of the picture with four zeros around it.

    Args:
        pictures: Shape (rows, channels, height, width).
        rows: The pictures' indices in the training set, shape (rows,).
        seed: The trial's seed.
        epoch: The epochs that are over.
    """
    count, channels, height, width = pictures.shape
    device = pictures.device
    drawn = random_words(rows, derived_seed(seed, "augment", epoch))[:, None]
    down, right = drawn % PLACES, drawn // PLACES % PLACES
    mirrored = drawn // PLACES**2 % 2 == 1
    columns = torch.arange(width, device=device)
    y = down + torch.arange(height, device=device)
    x = right + torch.where(mirrored, width - 1 - columns, columns)
    picture = torch.arange(count, device=device)[:, None, None, None]
    channel = torch.arange(channels, device=device)[:, None, None]
    padded = torch.nn.functional.pad(pictures, (PADDING,) * 4)
    return padded[picture, channel, y[:, None, :, None], x[:, None, None, :]]


def random_words(rows: Tensor, key: int) -> Tensor:
    """For each row a number in 0 .. 2³¹ - 1 that follows from the row and the key alone.

    The splitmix64 generator (Steele, Lea, Flood, OOPSLA 2014) at the positions of the rows; its
    arithmetic is that of 64-bit integers that wrap around, the same on every device.
    """
    word = rows * _signed(0x9E3779B97F4A7C15) + key
    word = (word ^ _shifted(word, 30)) * _signed(0xBF58476D1CE4E5B9)
    word = (word ^ _shifted(word, 27)) * _signed(0x94D049BB133111EB)
    return _shifted(word ^ _shifted(word, 31), 33)


def _signed(word: int) -> int:
    """The signed number with these 64 bits."""
    return word - (1 << 64) if word >> 63 else word


def _shifted(words: Tensor, bits: int) -> Tensor:
    """Shifted to the right, zeros coming in from the left."""
    return (words >> bits) & ((1 << (64 - bits)) - 1)
