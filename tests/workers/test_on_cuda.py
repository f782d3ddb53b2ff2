"""Trials on a CUDA device: as on the CPU, resumed bit for bit, over NCCL, with what they took."""

import pytest
import torch

from service.contracts.events import TrialEnded, TrialStarted
from tests.support.tiny_training import (
    OPTIMIZERS,
    TinyAutoencoder,
    losses_of,
    points_of,
    tiny,
    trial_plan,
)
from workers.context import TrialFolder
from workers.ranks.gang import Gang
from workers.trial import Trial

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def on_cuda(*arguments, **changed):
    return trial_plan(*arguments, **changed).model_copy(update={"use_gpu": True})


def dropout(name):
    return TinyAutoencoder(dropout=0.5)


def run_to_end(trial):
    events = trial.start()
    while not trial.ended:
        events += trial.advance()
    return events


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_trial_has_the_losses_of_one_on_the_cpu(tmp_path, name):
    found = run_to_end(Trial(on_cuda(name), TrialFolder(tmp_path / "cuda"), problems=tiny))
    wanted = run_to_end(Trial(trial_plan(name), TrialFolder(tmp_path / "cpu"), problems=tiny))
    assert found[-1].outcome == "finished", found[-1].message
    if name == "kfac":  # its sampled targets are of the device's own random numbers
        return
    for one, other in zip(losses_of(found), losses_of(wanted), strict=True):
        assert one == pytest.approx(other, rel=5e-3)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_resumed_trial_has_the_losses_of_an_undisturbed_one_bit_for_bit(tmp_path, name):
    plan = on_cuda(name, epochs=4)
    undisturbed = run_to_end(Trial(plan, TrialFolder(tmp_path / "a"), problems=dropout))
    first = Trial(plan, TrialFolder(tmp_path / "b"), problems=dropout)
    first.start()
    first.advance()
    torch.manual_seed(12345)  # another process has other random numbers
    after = run_to_end(Trial(plan, TrialFolder(tmp_path / "b"), problems=dropout))
    assert after[0].resumed_from_epoch == 1
    assert losses_of(after) == losses_of(undisturbed)


def test_a_trial_tells_its_device_what_it_held_there_and_its_phases(tmp_path):
    events = run_to_end(Trial(on_cuda("kbfgs"), TrialFolder(tmp_path), problems=tiny))
    started, ended = events[0], events[-1]
    assert isinstance(started, TrialStarted)
    assert isinstance(ended, TrialEnded)
    assert started.environment.device == torch.cuda.get_device_name()
    weights = 4 * sum(p.numel() for p in TinyAutoencoder().build_model().parameters())
    assert ended.usage.peak_device_memory_bytes > weights
    training = points_of(events)[-1].training_seconds
    assert 0.2 * training < sum(ended.usage.phases.values()) <= training


def test_a_gang_over_nccl_has_the_losses_of_a_trial_alone(tmp_path):
    plan = on_cuda("kbfgs", problem="quadratic", batch_size=16)
    alone = run_to_end(Trial(plan, TrialFolder(tmp_path / "alone")))
    together, gang = [], Gang(1, use_gpu=True)
    try:
        gang.train(plan, TrialFolder(tmp_path / "together"), together.extend)
    finally:
        gang.close()
    assert together[-1].outcome == "finished", together[-1].message
    for one, other in zip(losses_of(together), losses_of(alone), strict=True):
        assert one == pytest.approx(other, rel=1e-4)
