"""What a trial took: phases within the training clock, kept over attempts, told at its end."""

import pytest
import torch
from torch import nn

from service.contracts.usage import Phase, Usage
from tests.support.tiny_training import (
    OPTIMIZERS,
    TinyAutoencoder,
    points_of,
    run_of,
    tiny,
    trial_plan,
)
from workers.checkpoint import CheckpointStore
from workers.context import TrialFolder
from workers.memory import PeakMemory
from workers.problems import Split, Splits
from workers.ranks import Alone
from workers.sealed import seal, unseal
from workers.trial import Trial
from workers.usage import UsageMeter

pytestmark = pytest.mark.training

CPU = torch.device("cpu")


def last_of(folder, plan):
    """The end that a trial tells, and its last point."""
    trial = Trial(plan, folder, problems=tiny)
    events = trial.start()
    while not trial.ended:
        events += trial.advance()
    return events[-1], points_of(events)[-1]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_phases_lie_within_the_training_clock(name):
    run = run_of(name)
    run.begin()
    point = run.epoch()
    seconds = run.usage.phases
    assert seconds
    assert all(value >= 0 for value in seconds.values())
    assert 0 < sum(seconds.values()) <= point.training_seconds


class Larger(TinyAutoencoder):
    """128-64-128, so that a step is more than its bookkeeping."""

    def build_model(self):
        return nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 128))

    def load(self, device):
        rows = torch.randn(1200, 128, generator=torch.Generator().manual_seed(7))
        return Splits(train=Split(rows[:1000], rows[:1000]), test=Split(rows[1000:], rows[1000:]))


@pytest.mark.parametrize("name", ["kbfgs", "kbfgs-l", "kfac", "sgd"])
def test_the_phases_are_most_of_the_training_clock(name):
    run = run_of(name, problem=Larger())
    run.begin()
    point = run.epoch()
    assert sum(run.usage.phases.values()) >= 0.8 * point.training_seconds


KRONECKER = {
    Phase.WARM_START,
    Phase.FIRST_PASS,
    Phase.SECOND_PASS,
    Phase.STATISTICS,
    Phase.FACTOR_UPDATE,
    Phase.PRECONDITIONING,
}


@pytest.mark.parametrize(
    ("name", "phases"),
    [
        ("kbfgs", KRONECKER),
        ("kfac", KRONECKER),
        ("rmsprop-paper", {Phase.WARM_START, Phase.FIRST_PASS, Phase.UPDATE}),
        ("sgd", {Phase.FIRST_PASS, Phase.UPDATE}),
        ("lbfgs", {Phase.FIRST_PASS, Phase.SECOND_PASS, Phase.UPDATE}),
    ],
)
def test_each_optimizer_has_the_phases_that_it_goes_through(name, phases):
    run = run_of(name)
    run.begin()
    run.epoch()
    assert {phase for phase, seconds in run.usage.phases.items() if seconds > 0} == phases


def test_alone_nothing_is_sent():
    run = run_of("kbfgs")
    run.begin()
    run.epoch()
    assert (run.usage.gradient_bytes, run.usage.curvature_bytes) == (0, 0)


@pytest.mark.parametrize("name", ["kbfgs", "adam"])
def test_what_a_resumed_trial_took_includes_what_it_had_taken_before(tmp_path, name):
    plan, folder = trial_plan(name, epochs=4), TrialFolder(tmp_path)
    first = Trial(plan, folder, problems=tiny)
    first.start()
    first.advance()
    first.advance()
    saved = CheckpointStore(folder.path).load(plan.identity())
    end, point = last_of(folder, plan)
    for phase, seconds in saved.usage.phases.items():
        rest = 0 if phase is Phase.WARM_START else 1e-9
        assert end.usage.phases[phase] >= seconds + rest
    assert sum(end.usage.phases.values()) <= point.training_seconds
    assert end.usage.peak_memory_bytes >= saved.usage.peak_memory_bytes > 0


@pytest.mark.parametrize("plan", [trial_plan(epochs=2), trial_plan("sgd", lr=1e6, epochs=50)])
def test_a_trial_that_has_ended_tells_the_same_phases_again(tmp_path, plan):
    first, _ = last_of(TrialFolder(tmp_path), plan)
    again = Trial(plan, TrialFolder(tmp_path), problems=tiny).start()[-1]
    assert first.outcome == again.outcome
    assert again.usage.phases == first.usage.phases


def test_a_checkpoint_from_before_usage_was_kept_is_gone_on_with(tmp_path):
    plan, folder = trial_plan(epochs=2), TrialFolder(tmp_path)
    first = Trial(plan, folder, problems=tiny)
    first.start()
    first.advance()
    fields = unseal(folder.path / "checkpoint.pt")
    del fields["usage"]
    seal(folder.path / "checkpoint.pt", fields)
    end, point = last_of(folder, plan)
    assert (end.outcome, point.epoch) == ("finished", 2)
    assert 0 < sum(end.usage.phases.values()) < point.training_seconds


class BesideALargerOne(Alone):
    """A rank that hears of another one, which takes a terabyte."""

    def gather(self, numbers):
        return [tuple(numbers), (1e12, 0.0)]


def test_memory_is_the_most_that_any_rank_took():
    model = TinyAutoencoder().build_model()
    optimizer = torch.optim.SGD(model.parameters())
    meter = UsageMeter(optimizer, model, memory=PeakMemory(CPU))
    assert 0 < meter.read().peak_memory_bytes < 1e12
    meter.note_memory(BesideALargerOne())
    assert meter.read().peak_memory_bytes == 1e12
    assert meter.read().peak_device_memory_bytes is None


def test_a_trial_that_never_began_took_nothing_that_is_known(tmp_path):
    plan = trial_plan("kbfgs", damping=-1.0)
    end = Trial(plan, TrialFolder(tmp_path), problems=tiny).start()[-1]
    assert (end.outcome, end.usage) == ("failed", None)


def test_usage_travels_as_json():
    usage = Usage(phases={Phase.UPDATE: 0.1 + 0.2}, gradient_bytes=3)
    assert Usage.model_validate_json(usage.model_dump_json()) == usage
