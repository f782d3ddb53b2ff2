"""The next character of a text."""

from service.contracts.catalogue.entries import ProblemEntry

CHAR_TRANSFORMER = ProblemEntry(
    name="char-transformer",
    title="Causal transformer on the characters of a text",
    summary=(
        "The next character at each of the 64 places of a row, by two blocks of 96 features and "
        "4 heads with layer norm, whose embeddings are the output layer too. The text is "
        "Python's own reference or the user's; it differs between releases of Python, and the "
        "losses with it. Needs no download."
    ),
    reference="Vaswani et al., 2017, arXiv:1706.03762; Radford et al., GPT-2, 2019",
    data="python-text",
    batch_size=32,
    epochs=10,
    training_rows=5120,
    validation_rows=256,
    test_rows=256,
    classes=256,
    selection_metric="validation_loss",
    targets=(2.0, 1.7),
    loss=(
        "Cross-entropy in nats a character, mean over places and rows; weight decay is not in "
        "it. Points are chosen by validation loss, on text that follows the training text."
    ),
    divergence_loss=1e4,
)
