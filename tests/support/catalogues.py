"""The catalogue with a problem that has classes and validation rows."""

from service.contracts.catalogue import Catalogue, ProblemEntry, built_in

TINY_CLASSES = ProblemEntry(
    name="tiny-classes",
    title="Three classes of 4-vectors",
    summary="Rows whose class is their largest coordinate.",
    reference="tests/support/tiny_training.py",
    batch_size=20,
    epochs=3,
    training_rows=40,
    validation_rows=15,
    test_rows=10,
    classes=3,
    selection_metric="validation_loss",
    targets=(0.9, 0.5),
    loss="Cross-entropy, mean over the rows.",
    divergence_loss=1e4,
)


def with_classes() -> Catalogue:
    """The built-in catalogue and that problem."""
    known = built_in()
    return known.model_copy(update={"problems": (*known.problems, TINY_CLASSES)})
