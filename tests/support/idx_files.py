"""Small IDX files in the layout of the benchmarks' data folder."""

import gzip
from pathlib import Path

import torch


def write_pictures(folder: Path, *, count: int, side: int) -> Path:
    """Pictures with a few smooth causes, as mnist/train-images-idx3-ubyte.gz; gives the folder."""
    generator = torch.Generator().manual_seed(0)
    causes = torch.rand(count, 3, generator=generator)
    pixels = (causes @ torch.rand(3, side * side, generator=generator)).mul(85).byte()
    header = b"".join(number.to_bytes(4, "big") for number in (2051, count, side, side))
    path = folder / "mnist" / "train-images-idx3-ubyte.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(header + bytes(pixels.flatten().tolist())))
    return folder
