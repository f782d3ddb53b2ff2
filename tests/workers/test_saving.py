"""How often a trial is saved, and what that leaves to be told, resumed and paid for."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from service.contracts.checkpointing import CheckpointSpec
from service.contracts.metrics import Metric
from tests.support.tiny_training import TinyAutoencoder, losses_of, points_of, tiny, trial_plan
from workers.checkpoint import CheckpointStore, weights_of
from workers.context import Spent, TrialFolder
from workers.trial import Trial

pytestmark = pytest.mark.training

CPU = torch.device("cpu")
OSCILLATING = {"optimizer": "adam", "lr": 0.2}


WRITES = 4 + 3 + 2
"""Of five epochs, saved after 0, 2, 4 and 5, the best of them at 4: files, second names, costs."""


class Killed(BaseException):
    """The process ends here."""


def dropout(name):
    return TinyAutoencoder(dropout=0.5)


def plan_of(*, checkpoint=None, metric=Metric.TRAIN_LOSS, **fields):
    policy = CheckpointSpec(**checkpoint or {})
    return trial_plan(**fields).model_copy(update={"checkpoint": policy, "metric": metric})


def life(plan, folder, *, epochs=10**6, problems=tiny):
    """What a process tells that is killed after so many epochs, or after the trial's end."""
    trial = Trial(plan, TrialFolder(folder), problems=problems)
    events = trial.start()
    while not trial.ended and epochs > 0:
        events += trial.advance()
        epochs -= 1
    return events


def saved_epoch(plan, folder):
    saved = CheckpointStore(folder).load(plan.identity())
    return saved.points[-1].epoch


@pytest.mark.parametrize("name", ["kbfgs", "adam"])
@pytest.mark.parametrize("every", [2, 3, 10])
def test_a_trial_goes_on_from_an_older_checkpoint_bit_for_bit(tmp_path, name, every):
    plan = plan_of(optimizer=name, epochs=6, checkpoint={"epochs": every})
    undisturbed = life(plan, tmp_path / "a", problems=dropout)
    life(plan, tmp_path / "b", epochs=5, problems=dropout)
    torch.manual_seed(12345)
    after = life(plan, tmp_path / "b", problems=dropout)
    assert losses_of(after) == losses_of(undisturbed)
    assert after[0].resumed_from_epoch == 5 // every * every
    assert [point.epoch for point in points_of(after)] == list(range(7))


def test_an_epoch_is_told_whether_it_was_saved_or_not_and_the_last_one_always_is(tmp_path):
    plan = plan_of(epochs=5, checkpoint={"epochs": 3})
    trial = Trial(plan, TrialFolder(tmp_path), problems=tiny)
    told, saved = points_of(trial.start()), [saved_epoch(plan, tmp_path)]
    while not trial.ended:
        told += points_of(trial.advance())
        saved.append(saved_epoch(plan, tmp_path))
    assert [point.epoch for point in told] == [0, 1, 2, 3, 4, 5]
    assert saved == [0, 0, 0, 3, 3, 5]


def test_a_trial_that_was_judged_at_a_rung_never_goes_on_from_before_it(tmp_path):
    plan = plan_of(epochs=6, checkpoint={"epochs": 3}).model_copy(update={"rungs": (1, 4)})
    trial = Trial(plan, TrialFolder(tmp_path), problems=tiny)
    trial.start()
    saved = []
    while not trial.ended:
        trial.advance()
        saved.append(saved_epoch(plan, tmp_path))
    assert saved == [1, 1, 1, 4, 4, 6]


def test_how_often_it_is_saved_is_no_part_of_a_run(tmp_path):
    often, rarely = plan_of(epochs=4), plan_of(epochs=4, checkpoint={"seconds": 60})
    by_another = rarely.model_copy(update={"metric": Metric.VALIDATION_LOSS})
    with_rungs = often.model_copy(update={"rungs": (1, 3)})
    assert len({p.identity() for p in (often, rarely, by_another, with_rungs)}) == 1
    life(often, tmp_path, epochs=2)
    assert life(rarely, tmp_path)[0].resumed_from_epoch == 2


@pytest.fixture
def now(monkeypatch):
    """The seconds that the trial's clock shows, to be changed."""
    seconds = [0.0]

    def read():
        return seconds[0]

    clock = SimpleNamespace(monotonic=read, perf_counter=read, process_time=read)
    monkeypatch.setattr("workers.clock.time", clock)
    return seconds


@pytest.fixture
def ticking(monkeypatch):
    """Lets a second pass whenever a trial's clock is read."""
    ticks = itertools.count()
    clock = SimpleNamespace(
        monotonic=ticks.__next__, perf_counter=ticks.__next__, process_time=lambda: 0.0
    )
    monkeypatch.setattr("workers.clock.time", clock)


def test_by_seconds_it_is_saved_at_the_end_of_the_first_epoch_after_them(tmp_path, now):
    plan = plan_of(epochs=9, checkpoint={"seconds": 10, "epochs": 3})
    trial = Trial(plan, TrialFolder(tmp_path), problems=tiny)
    trial.start()
    saved = []
    for passed in (4, 4, 4, 11, 2, 8, 1, 1):
        now[0] += passed
        trial.advance()
        saved.append(saved_epoch(plan, tmp_path))
    assert saved == [0, 0, 3, 4, 4, 6, 6, 6]


def test_what_it_cost_is_noted_at_most_once_a_second(tmp_path, now):
    folder = TrialFolder(tmp_path)
    trial = Trial(plan_of(epochs=9, checkpoint={"epochs": 5}), folder, problems=tiny)
    trial.start()
    noted = []
    for passed in (0.5, 0.25, 0.25, 0.5, 0.25, 0.5, 0.25, 2):
        now[0] += passed
        trial.advance()
        noted.append(folder.spent().seconds)
    assert noted == [0, 0, 1, 1, 1, 1, 1, 4.5], "the fifth epoch was saved, which tells of it"


@pytest.mark.usefixtures("ticking")
@pytest.mark.parametrize("killed_at", range(1, 1 + WRITES))
def test_a_kill_between_any_two_writes_changes_no_loss_and_tears_nothing(
    tmp_path, monkeypatch, killed_at
):
    plan = plan_of(**OSCILLATING, epochs=5, checkpoint={"epochs": 2})
    undisturbed = life(plan, tmp_path / "a")
    replace, left = Path.replace, [killed_at]

    def replace_or_die(self, target):
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", replace_or_die)
        with pytest.raises(Killed):
            life(plan, tmp_path / "b")
    assert losses_of(life(plan, tmp_path / "b")) == losses_of(undisturbed)
    for name in ("best.pt", "checkpoint.pt"):
        ours, theirs = weights_of(tmp_path / "b" / name), weights_of(tmp_path / "a" / name)
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def loss_of(weights):
    problem = TinyAutoencoder()
    model = problem.build_model().eval()
    model.load_state_dict(weights)
    rows = problem.load(CPU).train
    with torch.no_grad():
        return problem.loss(model(rows.inputs), rows.targets).item()


@pytest.mark.parametrize(
    ("lr", "metric", "epoch"), [(0.2, Metric.TRAIN_LOSS, 6), (0.5, Metric.TEST_LOSS, 0)]
)
def test_the_best_has_the_weights_of_the_lowest_loss_among_those_saved(tmp_path, lr, metric, epoch):
    plan = plan_of(lr=lr, epochs=8, checkpoint={"epochs": 2}, metric=metric)
    points = points_of(life(plan, tmp_path, epochs=5)) + points_of(life(plan, tmp_path))
    saved = {point.epoch: point for point in points if point.epoch % 2 == 0}
    best = min(saved.values(), key=lambda point: point.value(metric))
    assert best.epoch == epoch, "the last one is not the best, or nothing is shown"
    assert loss_of(weights_of(tmp_path / "best.pt")) == pytest.approx(best.train_loss, rel=1e-5)


def test_where_the_last_one_is_damaged_a_trial_goes_on_from_the_best(tmp_path, caplog):
    plan = plan_of(**OSCILLATING, epochs=8)
    undisturbed = life(plan, tmp_path)
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:-10])
    again = life(plan, tmp_path)
    best = min(points_of(undisturbed), key=lambda point: point.train_loss)
    assert again[0].resumed_from_epoch == best.epoch < 8
    assert losses_of(again) == losses_of(undisturbed)
    assert "going on from the best one" in caplog.text


def test_a_best_one_that_is_damaged_too_is_not_used(tmp_path, caplog):
    plan = plan_of(**OSCILLATING, epochs=8)
    undisturbed = life(plan, tmp_path)
    for name in ("checkpoint.pt", "best.pt"):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-10])
    again = life(plan, tmp_path)
    assert again[0].resumed_from_epoch == 0
    assert losses_of(again) == losses_of(undisturbed)
    assert "starting from the beginning" in caplog.text


@pytest.mark.usefixtures("ticking")
def test_what_was_lost_is_paid_for_and_is_not_on_the_training_clock(tmp_path):
    plan = plan_of(epochs=6, checkpoint={"epochs": 10})
    undisturbed = points_of(life(plan, tmp_path / "a"))
    lost = points_of(life(plan, tmp_path / "b", epochs=5))
    again = life(plan, tmp_path / "b")
    told = points_of(again)
    assert [one.training_seconds for one in told] == [one.training_seconds for one in undisturbed]
    elapsed = [one.elapsed_seconds for one in told]
    assert elapsed == sorted(elapsed)
    assert elapsed[1] > lost[-1].elapsed_seconds
    assert again[-1].worker_seconds >= lost[-1].elapsed_seconds + undisturbed[-1].training_seconds


def test_what_a_pause_dropped_is_paid_for(tmp_path):
    plan, folder = plan_of(epochs=100, checkpoint={"epochs": 50}), TrialFolder(tmp_path)
    trial = Trial(plan, folder, problems=tiny)
    trial.start()
    last = points_of(trial.advance())[-1]
    folder.cancel()
    assert trial.advance() == []
    spent = folder.spent().seconds
    assert spent > last.elapsed_seconds
    folder.let_run()
    assert points_of(life(plan, tmp_path, epochs=1))[-1].elapsed_seconds > spent


def test_a_note_of_the_cost_that_a_power_cut_left_empty_costs_nothing(tmp_path):
    (tmp_path / "spent").touch()
    assert TrialFolder(tmp_path).spent() == Spent()
    assert TrialFolder(tmp_path / "nowhere").spent() == Spent()


def test_the_seconds_that_an_earlier_version_noted_are_those_of_one_worker(tmp_path):
    (tmp_path / "spent").write_text("12.5")
    assert TrialFolder(tmp_path).spent() == Spent(12.5, 12.5)
    TrialFolder(tmp_path).note_spent(Spent(13, 40.25))
    assert TrialFolder(tmp_path).spent() == Spent(13, 40.25)
