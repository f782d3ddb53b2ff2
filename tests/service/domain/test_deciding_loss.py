"""One loss decides on a problem: points are chosen by it, and runs are judged by it."""

from service.contracts.metrics import Metric
from service.contracts.report import ContenderReport, ProblemReport
from service.contracts.states import StudyKind, TrialState
from service.domain.results import TrialResult
from service.domain.scoring import score
from tests.support.catalogues import TINY_CLASSES, with_classes
from tests.support.comparisons import NOW, a_spec, a_trial, measured, results

SPREAD = [0.97, 0.98, 0.99, 1.0, 1.01, 1.02, 1.03, 1.04]
FINALS = {
    "kbfgs": ([9.0, 8.0, 7.0], [9.0, 5.0, 2.0], [0.3, 0.6, 0.9]),
    "adam": ([9.0, 2.0, 1.0], [9.0, 8.0, 6.0], [0.3, 0.5, 0.7]),
}
"""Training loss, validation loss and validation accuracy: each contender leads in its own."""


def final(name: str, seed: int, **fields: object) -> TrialResult:
    training, validation, accuracy = FINALS[name]
    trial = a_trial(name, training, seed=seed, problem=TINY_CLASSES.name, **fields)
    spread = SPREAD[seed] if name == "kbfgs" else SPREAD[-1 - seed]
    return measured(
        trial,
        train_loss=[spread * loss for loss in training],
        validation_loss=[spread * loss for loss in validation],
        test_loss=[None, None, None],
        validation_accuracy=accuracy,
    )


def report_of(*diverged: tuple[str, int], **fields: object) -> ProblemReport:
    """Eight seeds of both contenders, those named having diverged."""
    spec = a_spec(
        **{"problems": [TINY_CLASSES.name], "verdict": {"outcome": "final_loss"}, **fields}
    )
    tuning = [
        measured(
            a_trial(name, [9.0], kind=StudyKind.TUNING, problem=TINY_CLASSES.name),
            validation_loss=[9.0],
        )
        for name in FINALS
    ]
    finals = [
        final(name, seed, **({"state": TrialState.DIVERGED} if (name, seed) in diverged else {}))
        for name in FINALS
        for seed in range(len(SPREAD))
    ]
    return score(results(spec, [*tuning, *finals]), with_classes(), now=NOW).problems[0]


def entry(report: ProblemReport, name: str) -> ContenderReport:
    return next(one for one in report.contenders if one.name == name)


def test_the_problems_loss_decides_who_wins() -> None:
    report = report_of()
    assert report.metric is Metric.VALIDATION_LOSS
    assert report.winner == "kbfgs"
    assert report.sentence.startswith("K-BFGS ends at 0.33× Adam's validation loss")
    assert entry(report, "kbfgs").final_loss.median == 2.01


def test_a_spec_may_let_the_training_loss_decide() -> None:
    report = report_of(tuning={"trials": 2, "metric": "train_loss"})
    assert report.metric is Metric.TRAIN_LOSS
    assert report.winner == "adam"
    assert "training loss" in report.sentence


def test_the_target_is_reached_by_the_loss_that_decides() -> None:
    """Validation losses of 5 after one epoch, near 6 after two: the training losses are lower."""
    report = report_of(verdict={"outcome": "epochs", "target": 5.5})
    assert entry(report, "kbfgs").epochs.reached == 8
    assert entry(report, "kbfgs").epochs.median < 1
    assert entry(report, "adam").epochs.reached == 0
    assert "reaches a validation loss of 5.50 in 8 of 8 runs" in report.sentence


def test_the_relative_target_follows_from_the_loss_that_decides() -> None:
    """The worst median best validation loss is Adam's, 6 × 1.005, plus 5 %."""
    report = report_of(verdict={"outcome": "epochs"})
    assert abs((report.target.value or 0) - 6 * 1.005 * 1.05) < 1e-9


def test_every_other_metric_stands_beside_it() -> None:
    report = report_of()
    assert report.beside == (Metric.TRAIN_LOSS, Metric.VALIDATION_ACCURACY)
    assert entry(report, "adam").written(Metric.VALIDATION_ACCURACY) == "70.00 (70.00–70.00)"
    assert entry(report, "adam").test_loss.median is None


def test_a_run_that_diverged_has_the_worst_accuracy() -> None:
    few = entry(report_of(("adam", 0)), "adam").validation_accuracy
    assert (few.low, few.median, few.high) == (None, 0.7, 0.7)
    most = [("adam", seed) for seed in range(5)]
    assert entry(report_of(*most), "adam").validation_accuracy.median is None
