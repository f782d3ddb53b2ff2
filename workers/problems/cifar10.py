"""CIFAR-10 with ResNet-20 and the usual augmentation."""

from dataclasses import dataclass

import torch
from torch import Tensor

from workers.data import arrays
from workers.problems.augmentation import crop_and_flip
from workers.problems.base import Split
from workers.problems.classifiers import PictureClassifier
from workers.problems.resnet import ResNet
from workers.problems.stored import Source, unit_interval

MEANS = (0.4914, 0.4822, 0.4465)
DEVIATIONS = (0.2470, 0.2435, 0.2616)
"""Of each channel of the training pixels in [0, 1]."""
HELD_OUT_ONE_IN = 10


@dataclass(frozen=True, kw_only=True)
class AugmentedClassifier(PictureClassifier):
    """A classifier whose training pictures are moved and mirrored at random."""

    def augment(self, batch: Split, rows: Tensor, *, seed: int, epoch: int) -> Split:
        """Crops and flips that follow from seed, epoch and row alone."""
        moved = crop_and_flip(batch.inputs, rows, seed=seed, epoch=epoch)
        return Split(moved, batch.targets)


def cifar10_resnet(source: Source = arrays) -> AugmentedClassifier:
    """ResNet-20, as He et al. train it: 45,000 pictures, four zeros around each, crops, flips."""
    return AugmentedClassifier(
        name="cifar10-resnet",
        data="cifar10",
        network=ResNet,
        decode=standardized,
        one_in=HELD_OUT_ONE_IN,
        source=source,
    )


def standardized(pictures: Tensor) -> Tensor:
    """Pictures of bytes as float32, each channel with zero mean and unit variance."""
    means, deviations = (
        torch.tensor(values, device=pictures.device)[:, None, None]
        for values in (MEANS, DEVIATIONS)
    )
    return unit_interval(pictures).sub_(means).div_(deviations)
