"""The training run: what a seed fixes, what is measured, when the clock runs."""

import math

import pytest
import torch

from service.contracts.metrics import Metric
from tests.support.tiny_training import (
    OPTIMIZERS,
    TinyAutoencoder,
    TinyClassifier,
    run_of,
    settings_of,
)
from workers.loop import REHEARSED_STEPS, BadSetting, Cancelled, Diverged, TrainingRun
from workers.problems import Split, build_problem

pytestmark = pytest.mark.training

CPU = torch.device("cpu")


def losses(run: TrainingRun, epochs: int = 2) -> list[float]:
    points = [run.begin(), *(run.epoch() for _ in range(epochs))]
    return [point.train_loss for point in points]


def test_the_seed_fixes_the_initial_weights_whoever_the_contender_is():
    assert len({run_of(name).begin().train_loss for name in OPTIMIZERS}) == 1
    assert run_of(seed=1).begin().train_loss != run_of(seed=2).begin().train_loss


class Recording(TinyAutoencoder):
    """Notes the rows that are trained on, those that an optimizer runs again once."""

    def __init__(self):
        super().__init__()
        self.batches: list[torch.Tensor] = []

    def build_model(self):
        model = super().build_model()
        model.register_forward_pre_hook(self._note)
        return model

    def _note(self, model, inputs):
        rows = inputs[0][:, 0].clone()
        if model.training and not (self.batches and torch.equal(self.batches[-1], rows)):
            self.batches.append(rows)


def batches_of(name: str, seed: int) -> list[torch.Tensor]:
    problem = Recording()
    run = run_of(name, seed=seed, problem=problem)
    problem.batches.clear()  # those of the rehearsal
    run.begin()
    run.epoch()
    run.epoch()
    return problem.batches


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_contender_sees_the_same_rows_in_the_same_order(name):
    ours, adams = batches_of(name, seed=3), batches_of("adam", seed=3)
    assert [len(batch) for batch in ours] == [20, 20, 10] * 2
    assert all(torch.equal(a, b) for a, b in zip(ours, adams, strict=True))


def test_each_epoch_and_each_seed_has_an_order_of_its_own():
    batches = batches_of("adam", seed=3)
    first, second = torch.cat(batches[:3]), torch.cat(batches[3:])
    assert torch.equal(first.sort().values, second.sort().values)
    assert not torch.equal(first, second)
    assert not torch.equal(first, torch.cat(batches_of("adam", seed=4)[:3]))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_one_epoch_lowers_the_loss(name):
    before, after = losses(run_of(name), epochs=1)
    assert after < before


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_same_seed_gives_the_same_losses_bit_for_bit(name):
    assert losses(run_of(name)) == losses(run_of(name))
    assert losses(run_of(name)) != losses(run_of(name, seed=9))


def test_the_reported_loss_is_the_mean_over_the_whole_set_at_fixed_weights():
    problem = build_problem("mnist-5k-autoencoder")
    run = run_of(problem=problem)
    data = problem.load(CPU).train
    train = data.take(torch.arange(len(data)))
    with torch.no_grad():
        logits = run._model(train.inputs).double()
        targets = train.targets.double()
        pixels = logits.clamp(min=0) - logits * targets + torch.log1p((-logits.abs()).exp())
    assert run.begin().train_loss == pytest.approx(pixels.sum(1).mean().item(), rel=1e-5)


def test_losses_are_measured_in_eval_mode_and_training_goes_on_in_train_mode():
    problem = TinyAutoencoder(dropout=0.9)
    run = run_of(problem=problem)
    assert run.begin().train_loss == run_of(problem=TinyAutoencoder()).begin().train_loss
    run.epoch()
    weights = [parameter.clone() for parameter in run._model.parameters()]
    without = run_of(problem=TinyAutoencoder())
    without.begin()
    without.epoch()
    trained = list(without._model.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(weights, trained, strict=True))


def test_steps_are_counted():
    run = run_of()
    begin, first = run.begin(), run.epoch()
    assert (begin.epoch, begin.step, begin.gradient_evaluations) == (0, 0, 0)
    assert (first.epoch, first.step, first.gradient_evaluations) == (1, 3, 3)


def test_the_clock_counts_the_warm_start_and_no_evaluation():
    assert run_of("adam").begin().training_seconds == 0
    warm = run_of("kbfgs").begin()
    assert 0 < warm.training_seconds < warm.elapsed_seconds
    assert run_of("kbfgs", warm_start=False).begin().training_seconds == 0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_run_rehearses_before_its_clock_starts(name):
    for _ in range(2):
        problem = Recording()
        cold = {"warm_start": False} if "warm_start" in settings_of(name) else {}
        run = run_of(name, problem=problem, **cold)
        assert len(problem.batches) == REHEARSED_STEPS
        first = run.begin()
        assert (first.training_seconds, first.process_seconds) == (0, 0)
        assert (first.step, first.gradient_evaluations) == (0, 0)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_rehearsal_changes_no_loss(name, monkeypatch):
    rehearsed = losses(run_of(name, problem=TinyAutoencoder(dropout=0.5)))
    monkeypatch.setattr(TrainingRun, "_rehearse", lambda run: None)
    assert losses(run_of(name, problem=TinyAutoencoder(dropout=0.5))) == rehearsed


def test_a_batch_above_the_bound_ends_the_run_at_once():
    run = run_of("sgd", lr=1e6, bound=1e4)
    run.begin()
    with pytest.raises(Diverged, match="of epoch 1"):
        run.epoch()


class Poisoned(TinyAutoencoder):
    """Its loss is not a number while training."""

    def loss(self, outputs, targets):
        loss = super().loss(outputs, targets)
        return loss * math.nan if torch.is_grad_enabled() else loss


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_loss_that_is_not_a_number_is_divergence_for_every_optimizer(name):
    run = run_of(name, problem=Poisoned())
    run.begin()
    with pytest.raises(Diverged, match="not finite"):
        run.epoch()


class Infinite(TinyAutoencoder):
    """Its loss over a whole set is infinite."""

    def loss(self, outputs, targets):
        return super().loss(outputs, targets) * (1 if torch.is_grad_enabled() else math.inf)


def test_a_training_loss_that_is_not_finite_is_none_and_diverged():
    run = run_of(problem=Infinite())
    point = run.begin()
    assert point.train_loss is None
    with pytest.raises(Diverged, match="not finite after epoch 0"):
        run.check(point)


def test_a_cancelled_run_stops_between_steps():
    answers = iter([False, False, True])
    run = run_of(cancelled=lambda: next(answers))
    run.begin()
    with pytest.raises(Cancelled):
        run.epoch()
    assert run._step == 2


def test_a_setting_that_the_optimizer_refuses_is_told_from_a_bug():
    with pytest.raises(BadSetting, match="learning rate"):
        run_of("adam", lr=-1.0)
    with pytest.raises(BadSetting, match="damping"):
        run_of("kbfgs", damping=0.0)


def test_batches_are_cut_in_the_order_of_the_rows():
    rows = torch.arange(5.0)[:, None]
    batches = list(Split(rows, rows + 10).cut(2))
    assert [batch.inputs[:, 0].tolist() for batch in batches] == [[0, 1], [2, 3], [4]]
    assert [batch.targets[:, 0].tolist() for batch in batches] == [[10, 11], [12, 13], [14]]


class Shifted(Recording):
    """Shows each row moved by a number that follows from seed, epoch and row."""

    def augment(self, batch, rows, *, seed, epoch):
        moved = batch.inputs + (100 * seed + 10 * epoch + rows / 100)[:, None]
        return Split(moved, moved)


def test_training_rows_are_shown_as_their_seed_epoch_and_index_say():
    problem, plain = Shifted(), Recording()
    for one in (problem, plain):
        run = run_of(seed=2, problem=one, bound=1e7)
        run.begin()
        one.batches.clear()
        run.epoch()
        run.epoch()
    rows = TinyAutoencoder().load(CPU).train.inputs[:, 0]
    for epoch in range(2):
        moved = torch.cat(problem.batches[3 * epoch : 3 * epoch + 3])
        seen = torch.cat(plain.batches[3 * epoch : 3 * epoch + 3])
        index = (seen[:, None] == rows).nonzero()[:, 1]
        assert torch.allclose(moved - seen, 200 + 10 * epoch + index / 100, atol=1e-4)


def test_losses_are_measured_on_rows_as_they_are():
    assert run_of(problem=Shifted()).begin().train_loss == run_of().begin().train_loss


def test_every_point_has_the_metrics_that_the_problem_has():
    run = run_of(problem=TinyClassifier())
    first, second = run.begin(), run.epoch()
    for metric in Metric:
        assert getattr(first, metric) is not None, metric
    assert second.validation_loss != first.validation_loss
    assert run_of().begin().validation_loss is None
    assert run_of().begin().train_accuracy is None
