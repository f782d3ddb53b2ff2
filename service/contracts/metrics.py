"""What a training run measures at fixed weights, and which of it may decide."""

from enum import StrEnum
from typing import Literal


class Metric(StrEnum):
    """A figure of one evaluation, by the name that it has in points, series and reports."""

    TRAIN_LOSS = "train_loss"
    VALIDATION_LOSS = "validation_loss"
    TEST_LOSS = "test_loss"
    TRAIN_ACCURACY = "train_accuracy"
    VALIDATION_ACCURACY = "validation_accuracy"
    TEST_ACCURACY = "test_accuracy"

    @property
    def words(self) -> str:
        """As it stands in a sentence: ``training loss``, ``test accuracy``."""
        return self.value.replace("train_", "training_").replace("_", " ")

    @property
    def heading(self) -> str:
        """As it stands above its values: ``training loss``, ``test accuracy, %``."""
        return f"{self.words}, %" if self.is_accuracy else self.words

    @property
    def is_accuracy(self) -> bool:
        """Whether it is a share of right rows, of which more is better."""
        return self.value.endswith("_accuracy")


SelectionMetric = Literal["train_loss", "validation_loss"]
"""What points may be chosen by and runs be judged by: a loss, and never on test data."""
