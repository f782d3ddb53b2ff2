"""The autoencoders: the paper's layers, losses and batch, and those on data made here."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from tests.support import by_hand
from tests.support.problem_suite import CPU, ProblemSuite, Weights
from workers.data import Arrays, arrays

pytestmark = pytest.mark.training

FACES = "625-2000-1000-500-30-500-1000-2000-625"
CURVES = "784-400-200-100-50-25-6-25-50-100-200-400-784"


class AutoencoderSuite(ProblemSuite):
    """Laws of the paper's autoencoders."""

    layers: str
    """As the paper writes them."""
    batch_size: int = 1000
    pixels = "train"
    """The array of the training pictures."""

    def pictures(self, found: Arrays, rows: int) -> npt.NDArray[np.float64]:
        raw = found[self.pixels][:rows].reshape(rows, -1).astype(np.float64)
        return raw / 255 if found[self.pixels].dtype == np.uint8 else raw

    def reconstructed(self, pictures: npt.NDArray[Any], weights: Weights) -> npt.NDArray[Any]:
        return by_hand.perceptron(pictures, weights, linear=[self.layers.count("-") // 2 - 1])

    def test_layers_and_batch_are_those_of_the_paper(self) -> None:
        model = self.make(lambda name: {}).build_model()
        kinds = [type(layer).__name__ for layer in model]
        linears = [layer for layer in model if isinstance(layer, nn.Linear)]
        widths = [linears[0].in_features, *(layer.out_features for layer in linears)]
        assert "-".join(map(str, widths)) == self.layers
        assert self.layers in self.entry.title
        encoder = [*["Linear", "ReLU"] * (len(linears) // 2 - 1), "Linear"]
        assert kinds == encoder * 2
        assert self.entry.batch_size == self.batch_size
        assert self.entry.selection_metric == "train_loss"


class BernoulliSuite(AutoencoderSuite):
    row = output = (784,)

    def loss_by_hand(self, found: Arrays, weights: Weights, rows: int) -> float:
        pictures = self.pictures(found, rows)
        return by_hand.bernoulli_loss(self.reconstructed(pictures, weights), pictures)

    def means(self, outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.asarray(1 / (1 + np.exp(-outputs)))


class GaussianSuite(AutoencoderSuite):
    row = output = (625,)

    def loss_by_hand(self, found: Arrays, weights: Weights, rows: int) -> float:
        pictures = self.pictures(found, rows)
        return by_hand.squared_loss(self.reconstructed(pictures, weights), pictures)

    def means(self, outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return outputs


class TestMnist(BernoulliSuite):
    name = "mnist-autoencoder"
    layers = "784-1000-500-250-30-250-500-1000-784"
    pixels = "train_pictures"


class TestMnist5k(BernoulliSuite):
    name = "mnist-5k-autoencoder"
    layers = "784-200-100-20-100-200-784"
    batch_size = 200

    def test_pixels_are_bytes_over_255_to_the_bit_and_their_own_targets(self) -> None:
        found = arrays("mnist-5k")
        splits = self.make(arrays).load(CPU)
        for split, name in ((splits.train, "train"), (splits.test, "test")):
            batch = split.take(torch.arange(len(split)))
            assert torch.equal(batch.inputs, torch.tensor(found[name]).float() / 255)
            assert batch.targets is batch.inputs


class TestCurves(BernoulliSuite):
    name = "curves-autoencoder"
    layers = CURVES


class TestCurvesLike(BernoulliSuite):
    name = "curves-like-autoencoder"
    layers = CURVES


class TestFaces(GaussianSuite):
    name = "faces-autoencoder"
    layers = FACES


class TestFacesLike(GaussianSuite):
    name = "faces-like-autoencoder"
    layers = FACES


class TestFacesLike4k(GaussianSuite):
    name = "faces-like-4k-autoencoder"
    layers = "625-200-100-20-100-200-625"
    batch_size = 207
    pixels = "thinned_train"


@pytest.mark.parametrize("suite", [TestFacesLike, TestFacesLike4k, TestCurvesLike])
def test_data_made_here_are_never_called_the_papers(suite: type[AutoencoderSuite]) -> None:
    entry = suite().entry
    original = suite.name.partition("-like-")[0].upper()
    assert original not in entry.title
    assert f"Not {original}: losses cannot be compared with the paper's" in entry.summary
