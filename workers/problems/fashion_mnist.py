"""Fashion-MNIST: ten kinds of clothes, told apart by a perceptron or a small convolutional net."""

from torch import Tensor, nn

from workers.data import arrays
from workers.problems.classifiers import PictureClassifier
from workers.problems.networks import perceptron
from workers.problems.stored import Source

MLP_WIDTHS = (784, 512, 256, 10)
MEAN, DEVIATION = 0.2860, 0.3530
"""Of the training pixels in [0, 1]."""
HELD_OUT_ONE_IN = 12


def fashion_mnist_mlp(source: Source = arrays) -> PictureClassifier:
    """Three linear layers with ReLU between them."""
    return PictureClassifier(
        name="fashion-mnist-mlp",
        data="fashion-mnist",
        network=lambda: perceptron(MLP_WIDTHS),
        decode=lambda pictures: standardized(pictures).flatten(1),
        one_in=HELD_OUT_ONE_IN,
        source=source,
    )


def fashion_mnist_cnn(source: Source = arrays) -> PictureClassifier:
    """Two convolutions with pooling and two linear layers."""
    return PictureClassifier(
        name="fashion-mnist-cnn",
        data="fashion-mnist",
        network=convolutional_network,
        decode=lambda pictures: standardized(pictures)[:, None],
        one_in=HELD_OUT_ONE_IN,
        source=source,
    )


def standardized(pictures: Tensor) -> Tensor:
    """Pictures of bytes as float32 with zero mean and unit variance over the training set."""
    return pictures.float().mul_(1 / (255 * DEVIATION)).sub_(MEAN / DEVIATION)


def convolutional_network() -> nn.Sequential:
    """For pictures of shape (rows, 1, 28, 28); torch's default initial weights."""
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )
