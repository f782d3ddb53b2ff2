"""The figures that the authors published, and how far one may compare with them.

From the notebook in their repository, https://github.com/renyiryry/kbfgs_neurips2020_public: one
run of each method on MNIST on a GPU. Their training loss has the weight decay in it, tau/2 |W|^2
with tau = 1e-5 over weights and biases; the losses of this project have not.
"""

from collections.abc import Mapping

SOURCE = "https://github.com/renyiryry/kbfgs_neurips2020_public"
SETTINGS: Mapping[str, str] = {"kbfgs": "lr 0.3, damping 0.3", "kfac": "lr 1, damping 3"}

TRAIN_LOSS: Mapping[str, Mapping[str, Mapping[int, float]]] = {
    "mnist-autoencoder": {
        "kbfgs": {
            1: 169.018,
            5: 68.034,
            10: 59.808,
            20: 56.297,
            40: 54.293,
            62: 53.427,
            75: 53.111,
        },
        "kfac": {10: 61.645, 20: 56.723, 62: 53.275, 68: 53.091, 75: 52.902},
    }
}
"""Training loss after some epochs: by problem, optimizer and epoch."""
