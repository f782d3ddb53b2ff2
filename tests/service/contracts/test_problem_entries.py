"""What a problem's entry says that it measures."""

import pytest
from pydantic import ValidationError

from service.contracts.catalogue import ProblemEntry, built_in
from service.contracts.metrics import Metric
from tests.support.catalogues import TINY_CLASSES

DIGITS = built_in().problems[0]


def changed(entry: ProblemEntry, **fields: object) -> ProblemEntry:
    return ProblemEntry.model_validate({**entry.model_dump(exclude={"metrics"}), **fields})


def test_the_metrics_follow_from_splits_and_classes() -> None:
    assert set(TINY_CLASSES.metrics) == set(Metric)
    assert DIGITS.metrics == (Metric.TRAIN_LOSS, Metric.TEST_LOSS)
    without = changed(TINY_CLASSES, validation_rows=0, selection_metric="train_loss")
    assert without.metrics == ("train_loss", "test_loss", "train_accuracy", "test_accuracy")


@pytest.mark.parametrize("entry", [TINY_CLASSES, DIGITS])
def test_an_entry_survives_json(entry: ProblemEntry) -> None:
    assert ProblemEntry.model_validate_json(entry.model_dump_json()) == entry


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"selection_metric": "validation_loss"}, "does not measure"),
        ({"selection_metric": "test_loss"}, "Input should be"),
        ({"metrics": ["train_loss", "test_loss", "test_accuracy"]}, "make them train_loss, test"),
    ],
)
def test_an_entry_that_contradicts_itself_is_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        changed(DIGITS, **fields)


def test_metrics_have_their_words() -> None:
    assert Metric.TRAIN_LOSS.words == "training loss"
    assert Metric.VALIDATION_ACCURACY.words == "validation accuracy"
    assert Metric.TEST_ACCURACY.heading == "test accuracy, %"
    assert [metric for metric in Metric if metric.is_accuracy] == list(Metric)[3:]
