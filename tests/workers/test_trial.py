"""A trial as events: order, resuming, divergence, cancelling, failures."""

import errno
import logging

import pytest
import torch

from service.contracts.events import TrialEnded, TrialPoint, TrialStarted
from service.contracts.states import FailureKind
from tests.support.tiny_training import (
    OPTIMIZERS,
    TinyAutoencoder,
    losses_of,
    points_of,
    tiny,
    trial_plan,
)
from workers.checkpoint import CheckpointStore
from workers.context import TrialFolder
from workers.data import DataMissing
from workers.loop import REHEARSED_STEPS, Diverged
from workers.problems.autoencoders import mnist_autoencoder
from workers.trial import Trial

pytestmark = pytest.mark.training


@pytest.fixture
def folder(tmp_path):
    return TrialFolder.of(tmp_path, comparison_id="c", trial_id="c-t0")


def run_to_end(trial):
    events = trial.start()
    while not trial.ended:
        events += trial.advance()
    return events


def test_a_trial_tells_its_start_each_epoch_once_and_its_end(folder):
    events = run_to_end(Trial(trial_plan(epochs=3), folder, problems=tiny))
    assert [type(event) for event in events] == [TrialStarted, *[TrialPoint] * 4, TrialEnded]
    assert [point.epoch for point in points_of(events)] == [0, 1, 2, 3]
    assert [point.step for point in points_of(events)] == [0, 3, 6, 9]
    assert events[-1].outcome == "finished"
    assert events[-1].worker_seconds >= points_of(events)[-1].elapsed_seconds
    assert (events[0].number, events[-1].number) == (0, 1)
    assert events[0].environment.torch == torch.__version__


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU to train on")
def test_a_trial_that_was_given_a_gpu_where_there_is_none_does_not_train_on_the_cpu(folder):
    plan = trial_plan().model_copy(update={"use_gpu": True})
    started, ended = Trial(plan, folder, problems=tiny).start()
    assert isinstance(started, TrialStarted)
    assert (ended.outcome, ended.failure) == ("failed", FailureKind.BUG)
    assert ended.message.startswith(f"torch {torch.__version__} finds no CUDA device on ")


def test_an_epoch_is_in_the_checkpoint_before_it_is_told(folder):
    plan = trial_plan(epochs=3)
    trial = Trial(plan, folder, problems=tiny)
    told = trial.start()
    for _ in range(3):
        saved = CheckpointStore(folder.path).load(plan.identity())
        assert list(saved.points) == points_of(told)
        told += trial.advance()


def dropout(name):
    return TinyAutoencoder(dropout=0.5)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("broken_off_after", [0, 1, 3])
def test_a_resumed_trial_has_the_losses_of_an_undisturbed_one_bit_for_bit(
    tmp_path, name, broken_off_after
):
    plan = trial_plan(name, epochs=5)
    undisturbed = run_to_end(Trial(plan, TrialFolder(tmp_path / "a"), problems=dropout))
    first = Trial(plan, TrialFolder(tmp_path / "b"), problems=dropout)
    before = first.start()
    for _ in range(broken_off_after):
        before += first.advance()
    torch.manual_seed(12345)  # another process has other random numbers
    after = run_to_end(Trial(plan, TrialFolder(tmp_path / "b"), problems=dropout))
    assert losses_of(after) == losses_of(undisturbed)
    assert points_of(after)[: len(points_of(before))] == points_of(before)
    assert after[0].resumed_from_epoch == broken_off_after


def test_the_clock_of_a_resumed_trial_goes_on(folder):
    plan = trial_plan(epochs=4)
    first = Trial(plan, folder, problems=tiny)
    first.start()
    before = points_of(first.advance())[-1]
    after = points_of(run_to_end(Trial(plan, folder, problems=tiny)))
    for name in ("training_seconds", "elapsed_seconds", "gradient_evaluations", "step"):
        values = [getattr(point, name) for point in after]
        assert values == sorted(values)
        assert getattr(after[2], name) > getattr(before, name)


def test_a_finished_trial_tells_the_same_again(folder):
    plan = trial_plan(epochs=2)
    first = run_to_end(Trial(plan, folder, problems=tiny))
    again = Trial(plan, folder, problems=tiny)
    told = again.start()
    assert again.ended
    assert points_of(told) == points_of(first)
    assert told[-1].outcome == "finished"


def test_a_diverged_trial_ends_at_once_and_says_the_same_again(folder):
    plan = trial_plan("sgd", lr=1e6, epochs=50)
    events = run_to_end(Trial(plan, folder, problems=tiny))
    assert events[-1].outcome == "diverged"
    assert "epoch 1" in events[-1].message
    assert len(points_of(events)) == 1
    again = Trial(plan, folder, problems=tiny).start()
    assert points_of(again) == points_of(events)
    assert again[-1].outcome == "diverged"
    assert again[-1].message == events[-1].message


def test_a_measured_loss_above_the_bound_is_told_and_then_diverged(folder):
    events = run_to_end(Trial(trial_plan(divergence_loss=1e-6), folder, problems=tiny))
    assert [type(event) for event in events] == [TrialStarted, TrialPoint, TrialEnded]
    assert events[-1].outcome == "diverged"


def test_a_damaged_checkpoint_is_reported_and_the_trial_begins_again(folder, caplog):
    plan = trial_plan(epochs=2)
    first = run_to_end(Trial(plan, folder, problems=tiny))
    path = folder.path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:-10])
    with caplog.at_level(logging.ERROR):
        again = run_to_end(Trial(plan, folder, problems=tiny))
    assert "starting from the beginning" in caplog.text
    assert again[0].resumed_from_epoch == 0
    assert losses_of(again) == losses_of(first)


def test_a_checkpoint_of_other_settings_is_not_used(folder, caplog):
    run_to_end(Trial(trial_plan(epochs=2, lr=0.01), folder, problems=tiny))
    again = Trial(trial_plan(epochs=2, lr=0.02), folder, problems=tiny).start()
    assert again[0].resumed_from_epoch == 0
    assert "other settings" in caplog.text


def test_a_trial_cancelled_before_its_start_tells_nothing(folder):
    folder.cancel()
    trial = Trial(trial_plan(), folder, problems=tiny)
    assert trial.start() == []
    assert trial.ended


def test_a_trial_cancelled_in_between_ends_without_a_word(folder):
    trial = Trial(trial_plan(epochs=100), folder, problems=tiny)
    trial.start()
    trial.advance()
    folder.cancel()
    assert trial.advance() == []
    assert trial.ended


class Failing(TinyAutoencoder):
    """Raises while it is trained, once the rehearsal is over."""

    def __init__(self, error):
        super().__init__()
        self._error = error
        self._steps = 0

    def loss(self, outputs, targets):
        self._steps += torch.is_grad_enabled()
        if self._steps > REHEARSED_STEPS:
            raise self._error
        return super().loss(outputs, targets)


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (MemoryError("no more"), FailureKind.OUT_OF_MEMORY, "MemoryError: no more"),
        (torch.OutOfMemoryError("CUDA out of memory"), FailureKind.OUT_OF_MEMORY, "CUDA out of"),
        (KeyError("code"), FailureKind.BUG, "KeyError: 'code'"),
        (ValueError("shapes differ"), FailureKind.BUG, "ValueError: shapes differ"),
    ],
)
def test_failures_while_training_are_told_apart(folder, caplog, error, kind, message):
    trial = Trial(trial_plan(), folder, problems=lambda name: Failing(error))
    events = run_to_end(trial)
    assert events[-1].outcome == "failed"
    assert events[-1].failure is kind
    assert message in events[-1].message
    assert "Traceback" in caplog.text
    assert [point.epoch for point in points_of(events)] == [0]


@pytest.mark.parametrize("where", ["os.fsync", "pathlib.Path.exists"])
def test_a_storage_that_fails_while_training_loses_the_worker(folder, monkeypatch, where):
    def refuse(*_, **__):
        raise OSError(errno.ESTALE, "Stale file handle")

    trial = Trial(trial_plan(), folder, problems=tiny)
    trial.start()
    monkeypatch.setattr(where, refuse)
    (end,) = trial.advance()
    assert (end.outcome, end.failure) == ("failed", FailureKind.LOST_WORKER)
    assert end.message == "the storage failed: [Errno 116] Stale file handle"


def test_a_trial_that_diverges_where_nothing_can_be_saved_fails_as_an_event(folder, monkeypatch):
    def refuse(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    trial = Trial(trial_plan(), folder, problems=lambda name: Failing(Diverged("at once")))
    trial.start()
    monkeypatch.setattr("os.fsync", refuse)
    (end,) = trial.advance()
    assert (end.outcome, end.failure) == ("failed", FailureKind.LOST_WORKER)


def test_a_setting_that_is_refused_is_a_bad_setting(folder):
    events = run_to_end(Trial(trial_plan("kbfgs", damping=-1.0), folder, problems=tiny))
    assert [type(event) for event in events] == [TrialStarted, TrialEnded]
    assert events[-1].failure is FailureKind.BAD_SETTING
    assert "damping" in events[-1].message


def test_data_that_are_missing_fail_the_trial_with_what_to_do(folder):
    def without(name):
        raise DataMissing("mnist: put train-images-idx3-ubyte.gz at its place")

    trial = Trial(trial_plan(), folder, problems=lambda name: mnist_autoencoder(without))
    events = run_to_end(trial)
    assert [type(event) for event in events] == [TrialStarted, TrialEnded]
    assert events[-1].failure is FailureKind.DATA_MISSING
    assert events[-1].message == "mnist: put train-images-idx3-ubyte.gz at its place"


def test_a_problem_that_these_workers_lack_fails_the_trial_with_that_sentence(folder):
    events = run_to_end(Trial(trial_plan(problem="no-such-problem"), folder))
    assert events[-1].outcome == "failed"
    assert "no-such-problem" in events[-1].message


def test_advance_needs_a_trial_that_has_not_ended(folder):
    trial = Trial(trial_plan(epochs=1), folder, problems=tiny)
    with pytest.raises(RuntimeError, match="started"):
        trial.advance()
    run_to_end(trial)
    with pytest.raises(RuntimeError, match="ended"):
        trial.advance()
