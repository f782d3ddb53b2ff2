"""What is measured of a model: every split that there is, in eval mode, over all of its rows."""

import pytest
import torch

from service.contracts.events import MetricPoint
from service.contracts.metrics import Metric
from tests.support.tiny_training import TinyAutoencoder, TinyClassifier
from workers.evaluation import evaluate, evaluate_splits

CPU = torch.device("cpu")


@pytest.fixture
def model():
    torch.manual_seed(3)
    return TinyClassifier().build_model()


@pytest.fixture
def by_hand(model):
    """Loss and accuracy of each split, row by row."""
    problem = TinyClassifier()
    data = problem.load(CPU)
    model.eval()
    figures = {}
    for name in ("train", "validation", "test"):
        split = getattr(data, name)
        with torch.no_grad():
            outputs = model(split.inputs).double()
        chances = outputs.softmax(1)[torch.arange(len(split)), split.targets]
        figures[f"{name}_loss"] = -chances.log().mean().item()
        right = outputs.argmax(1) == split.targets
        figures[f"{name}_accuracy"] = sum(right.tolist()) / len(split)
    return figures


def test_every_metric_is_the_mean_over_its_own_split(model, by_hand):
    model.train()
    found = evaluate_splits(model, TinyClassifier(), TinyClassifier().load(CPU))
    assert set(found) == set(Metric)
    assert found == pytest.approx(by_hand, rel=1e-6)
    assert len(set(found.values())) == 6, "every figure tells its split apart"


def test_a_split_that_does_not_divide_into_chunks_is_averaged_by_rows(model, by_hand, monkeypatch):
    monkeypatch.setattr("workers.evaluation.EVALUATION_ROWS", 7)
    found = evaluate_splits(model, TinyClassifier(), TinyClassifier().load(CPU))
    assert found == pytest.approx(by_hand, rel=1e-6)


def test_a_problem_without_validation_rows_and_classes_has_two_losses():
    problem = TinyAutoencoder()
    found = evaluate_splits(problem.build_model(), problem, problem.load(CPU))
    measured = {name for name, value in found.items() if value is not None}
    assert measured == {Metric.TRAIN_LOSS, Metric.TEST_LOSS}


def test_a_loss_that_is_not_finite_is_none_and_the_accuracy_stands(model):
    class Infinite(TinyClassifier):
        def loss(self, outputs, targets):
            return super().loss(outputs, targets) * torch.inf

    found = evaluate(model, Infinite(), TinyClassifier().load(CPU).test)
    assert found.loss is None
    assert found.accuracy is not None


def test_the_metrics_are_those_of_a_point():
    figures = {name for name in MetricPoint.model_fields if name.endswith(("_loss", "_accuracy"))}
    assert figures == set(Metric)
