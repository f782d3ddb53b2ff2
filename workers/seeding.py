"""What a seed fixes: the initial weights and the order of the data, whoever the contender is."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def derived_seed(seed: int, *words: str | int) -> int:
    """A seed of its own, 63 bits, for one use of a trial's seed.

    Args:
        seed: The trial's seed.
        *words: What it is for; other words give an unrelated seed.
    """
    text = ":".join(str(word) for word in (seed, *words))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


@contextmanager
def initial_weights(seed: int) -> Iterator[None]:
    """Inside, modules draw the initial weights of this seed; torch's RNG is put back after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, "weights"))
        yield


def seed_training(seed: int, *, rank: int = 0) -> None:
    """Seed what is drawn while training (dropout, noise) on every device; each rank has its own."""
    torch.manual_seed(derived_seed(seed, "training", *([rank] if rank else [])))


def epoch_order(seed: int, epoch: int, rows: int) -> Tensor:
    """The order in which an epoch visits the training rows, on the CPU.

    It follows from (seed, epoch) alone, so a resumed trial needs no state to go on with it.

    Returns:
        A permutation of ``0 .. rows - 1``, shape (rows,).
    """
    generator = torch.Generator().manual_seed(derived_seed(seed, "order", epoch))
    return torch.randperm(rows, generator=generator)
