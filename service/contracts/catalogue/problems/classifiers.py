"""Classification of pictures."""

from service.contracts.catalogue.entries import ProblemEntry

_LOSS = (
    "Cross-entropy in nats, mean over the samples; weight decay is not in it. Points are chosen "
    "by validation loss, on {held_out} of the training pictures that are never trained on."
)
_FASHION_MNIST = "Xiao, Rasul, Vollgraf, 2017, arXiv:1708.07747"

FASHION_MNIST_MLP = ProblemEntry(
    name="fashion-mnist-mlp",
    title="Perceptron 784-512-256-10 on Fashion-MNIST",
    summary="Ten kinds of clothes, told apart by three linear layers with ReLU between them.",
    reference=_FASHION_MNIST,
    data="fashion-mnist",
    batch_size=250,
    epochs=10,
    training_rows=55_000,
    validation_rows=5000,
    test_rows=10_000,
    classes=10,
    selection_metric="validation_loss",
    targets=(0.4, 0.32),
    loss=_LOSS.format(held_out="5,000"),
    divergence_loss=1e4,
)

FASHION_MNIST_CNN = ProblemEntry(
    name="fashion-mnist-cnn",
    title="Convolutional net on Fashion-MNIST",
    summary=(
        "Ten kinds of clothes, told apart by two 3×3 convolutions to 16 and 32 channels, each "
        "with ReLU and 2×2 max pooling, and linear layers 1568-128-10."
    ),
    reference=_FASHION_MNIST,
    data="fashion-mnist",
    batch_size=250,
    epochs=10,
    training_rows=55_000,
    validation_rows=5000,
    test_rows=10_000,
    classes=10,
    selection_metric="validation_loss",
    targets=(0.35, 0.28),
    loss=_LOSS.format(held_out="5,000"),
    divergence_loss=1e4,
)

CIFAR10_RESNET = ProblemEntry(
    name="cifar10-resnet",
    title="ResNet-20 on CIFAR-10",
    summary=(
        "Ten kinds of things on colour pictures of 32×32; residual network with batch norm and "
        "shortcuts without parameters. Training pictures are moved by up to four pixels and "
        "mirrored at random, each as seed, epoch and its number say; losses are measured on the "
        "pictures as they are."
    ),
    reference="He, Zhang, Ren, Sun, CVPR 2016, arXiv:1512.03385; data by Krizhevsky",
    data="cifar10",
    batch_size=128,
    epochs=100,
    training_rows=45_000,
    validation_rows=5000,
    test_rows=10_000,
    classes=10,
    selection_metric="validation_loss",
    exchangeable_ranks=False,
    loss=_LOSS.format(held_out="5,000"),
    divergence_loss=1e4,
)

CLASSIFIERS = (FASHION_MNIST_MLP, FASHION_MNIST_CNN, CIFAR10_RESNET)
