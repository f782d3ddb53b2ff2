"""Pictures told apart: Fashion-MNIST by two networks, CIFAR-10 by ResNet-20."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from tests.support import by_hand
from tests.support.problem_arrays import generated
from tests.support.problem_suite import CPU, ProblemSuite, Weights, shares
from workers.data import Arrays

pytestmark = pytest.mark.training


class ClassifierSuite(ProblemSuite):
    """Laws of classifiers of pictures."""

    output = (10,)
    means: Any
    one_in: int

    def pictures(self, found: Arrays, rows: int) -> npt.NDArray[np.float64]:
        """As the network sees them."""
        raise NotImplementedError

    def logits(self, pictures: npt.NDArray[np.float64], weights: Weights) -> npt.NDArray[Any]:
        raise NotImplementedError

    def loss_by_hand(self, found: Arrays, weights: Weights, rows: int) -> float:
        logits = self.logits(self.pictures(found, rows), weights)
        return by_hand.class_loss(logits, found["train_labels"][:rows])

    def means(self, outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return shares(outputs)

    def drawn(self, sampled: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(sampled, 10)

    def test_the_last_training_rows_are_held_out(self) -> None:
        splits = self.make(generated).load(CPU)
        labels = torch.from_numpy(generated(self.entry.data)["train_labels"].astype(np.int64))
        held_out = len(labels) // self.one_in
        assert torch.equal(splits.train.targets, labels[:-held_out])
        assert torch.equal(splits.validation.targets, labels[-held_out:])
        whole = self.entry.training_rows + self.entry.validation_rows
        assert self.entry.validation_rows == whole // self.one_in
        assert self.entry.selection_metric == "validation_loss"


class FashionMnistSuite(ClassifierSuite):
    one_in = 12

    def pictures(self, found: Arrays, rows: int) -> npt.NDArray[np.float64]:
        return (found["train_pictures"][:rows].astype(np.float64) / 255 - 0.2860) / 0.3530


class TestFashionMnistMlp(FashionMnistSuite):
    name = "fashion-mnist-mlp"
    row = (784,)

    def logits(self, pictures: npt.NDArray[np.float64], weights: Weights) -> npt.NDArray[Any]:
        return by_hand.perceptron(pictures.reshape(len(pictures), -1), weights)


class TestFashionMnistCnn(FashionMnistSuite):
    name = "fashion-mnist-cnn"
    row = (1, 28, 28)

    def logits(self, pictures: npt.NDArray[np.float64], weights: Weights) -> npt.NDArray[Any]:
        x = pictures[:, None]
        for name in ("0", "3"):
            x = by_hand.convolution(x, weights[f"{name}.weight"])
            x = by_hand.pooled(np.maximum(x + weights[f"{name}.bias"][:, None, None], 0))
        x = np.maximum(by_hand.affine(x.reshape(len(x), -1), weights, "7"), 0)
        return by_hand.affine(x, weights, "9")


class TestCifar10ResNet(ClassifierSuite):
    name = "cifar10-resnet"
    row = (3, 32, 32)
    one_in = 10

    def pictures(self, found: Arrays, rows: int) -> npt.NDArray[np.float64]:
        means, deviations = (
            np.array(values)[:, None, None]
            for values in ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
        )
        return (found["train_pictures"][:rows] / 255 - means) / deviations

    def logits(self, pictures: npt.NDArray[np.float64], weights: Weights) -> npt.NDArray[Any]:
        return by_hand.resnet(pictures, weights)

    def test_the_network_has_the_parameters_of_resnet_20(self) -> None:
        """432 + 6·2304 + 4608 + 5·9216 + 18432 + 5·36864 + 650, and 2·688 of batch norms."""
        model = self.make(generated).build_model()
        assert sum(parameter.numel() for parameter in model.parameters()) == 269_722
        assert sum(isinstance(layer, torch.nn.Conv2d) for layer in model.modules()) == 19
