"""Schedules: torch's formulas, every group of every optimizer, resumed bit for bit."""

import io

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

from service.contracts.schedule import Schedule, ScheduleKind
from tests.support.tiny_training import OPTIMIZERS, TinyAutoencoder, run_of, settings_of, trial_plan
from workers.loop import TrainingRun
from workers.optimizers import build_optimizer
from workers.schedules import factor, scheduler_for

pytestmark = pytest.mark.training

STEPS = 40
SCHEDULES = {
    "constant": {},
    "cosine": {"schedule": "cosine", "final_lr_fraction": 0.1},
    "cosine after a warm-up": {"schedule": "cosine", "warmup_fraction": 0.3},
}


def learning_rates(schedule: Schedule, *, lr: float = 0.3) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = scheduler_for(optimizer, schedule, steps=STEPS)
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize("warmup", [0, 1, 8])
@pytest.mark.parametrize("final", [0.0, 0.1, 1.0])
def test_a_cosine_is_torchs(warmup, final):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3)
    cosine = CosineAnnealingLR(optimizer, T_max=STEPS - warmup, eta_min=0.3 * final)
    rising = LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=max(warmup, 1))
    theirs = SequentialLR(optimizer, [rising, cosine], milestones=[warmup]) if warmup else cosine
    expected = []
    for _ in range(STEPS):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    schedule = Schedule(
        kind=ScheduleKind.COSINE, warmup_fraction=warmup / STEPS, final_lr_fraction=final
    )
    assert learning_rates(schedule) == pytest.approx(expected, rel=1e-12)


def test_without_a_schedule_the_learning_rate_stays_to_the_last_bit():
    assert set(learning_rates(Schedule(), lr=0.1)) == {0.1}


def test_a_warm_up_alone_ends_in_the_learning_rate_itself():
    rates = learning_rates(Schedule(warmup_fraction=0.1), lr=1.0)
    assert rates == [pytest.approx(share / 5) for share in (1, 2, 3, 4)] + [1.0] * (STEPS - 4)


def test_no_step_has_a_learning_rate_of_zero_and_the_end_has_the_final_one():
    cosine = Schedule(kind=ScheduleKind.COSINE)
    assert min(learning_rates(cosine)) > 0
    assert factor(cosine, STEPS, steps=STEPS) == 0
    assert factor(cosine, STEPS + 5, steps=STEPS) == 0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_parameter_group_follows(name):
    network = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))
    optimizer = build_optimizer(name, network, settings_of(name))
    before = [group["lr"] for group in optimizer.param_groups]
    scheduler_for(optimizer, Schedule(warmup_fraction=0.5), steps=6)  # a quarter at first
    assert [group["lr"] for group in optimizer.param_groups] == [lr / 4 for lr in before]


def test_the_inner_adamw_of_kbfgs_steps_by_its_scheduled_learning_rate():
    """AdamW's first step moves every weight by its learning rate."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3), nn.Linear(3, 2))
    optimizer = build_optimizer("kbfgs", network, settings_of("kbfgs", other_lr=0.08))
    scheduler_for(optimizer, Schedule(warmup_fraction=0.5), steps=6)
    before = network[1].bias.detach().clone()
    rows = torch.randn(8, 3)

    def closure():
        optimizer.zero_grad()
        loss = network(rows).square().mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    moved = (network[1].bias.detach() - before).abs()
    assert moved == pytest.approx(torch.full((3,), 0.02), rel=1e-3)


def continued(run: TrainingRun, state: dict, point: object, epochs: int) -> list[float]:
    run.resume(state, point)
    return [run.epoch().train_loss for _ in range(epochs)]


def through_a_file(state: dict) -> dict:
    """The state as a checkpoint gives it back, read without trust."""
    file = io.BytesIO()
    torch.save(state, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_resumed_run_goes_on_bit_for_bit_under_every_schedule(name, schedule):
    def fresh() -> TrainingRun:
        problem = TinyAutoencoder(dropout=0.5)
        return run_of(name, problem=problem, epochs=4, **SCHEDULES[schedule])

    run = fresh()
    run.begin()
    run.epoch()
    point = run.epoch()
    state = through_a_file(run.state())
    undisturbed = [run.epoch().train_loss for _ in range(2)]
    torch.manual_seed(99)
    assert continued(fresh(), state, point, 2) == undisturbed


@pytest.mark.parametrize("name", ["sgd", "kbfgs"])
def test_a_schedule_changes_the_run(name):
    plain, cosine = (run_of(name, epochs=3, schedule=kind) for kind in ("constant", "cosine"))
    for run in (plain, cosine):
        run.begin()
    assert plain.epoch().train_loss != cosine.epoch().train_loss


def test_a_longer_run_goes_on_from_a_shorter_ones_checkpoint_where_its_rates_are_the_same():
    def identity(epochs: int, **settings: object) -> str:
        return trial_plan("sgd", epochs=epochs, **settings).identity()

    assert identity(3) == identity(9)
    assert identity(3, schedule="cosine") != identity(9, schedule="cosine")
    assert identity(3, warmup_fraction=0.1) != identity(9, warmup_fraction=0.1)
    assert identity(3, schedule="cosine") != identity(3)
