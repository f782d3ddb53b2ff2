"""Studies inside a real Ray cluster, driven against a real HTTP server."""

import json
import signal
import time
from bisect import bisect, bisect_left
from collections import Counter

import psutil
import pytest
import torch

from service.contracts.catalogue import built_in
from service.contracts.events import (
    Event,
    StudyEnded,
    TrialEnded,
    TrialPoint,
    TrialProposed,
    TrialStarted,
)
from service.contracts.metrics import Metric
from service.contracts.plan import StudyAssignment
from service.contracts.proposals import Proposals, Rungs
from service.contracts.space import LogRange
from service.contracts.states import FailureKind
from tests.support.dying import DYING
from tests.support.ray_head import ray_head
from tests.support.ray_studies import start_driver, study, trial
from tests.support.study_service import TOKEN, study_service
from workers.agenda import Agenda
from workers.context import TrialFolder, plan_trials
from workers.halving import Halving
from workers.local import run_trial
from workers.proposals import Points
from workers.trial import Trial

pytestmark = pytest.mark.ray
SECONDS = 120


@pytest.fixture(scope="module")
def head():
    with ray_head(cpus=2, gpus=2) as running:  # Ray is told of GPUs: there are no devices
        yield running


@pytest.fixture
def service():
    with study_service() as running:
        yield running


def drive(head, service, storage) -> tuple[int, str, str]:
    process = start_driver(head, service, storage)
    out, err = process.communicate(timeout=SECONDS)
    return process.returncode, out, err


def of_kind(service, kind):
    return [event for event in service.events if isinstance(event, kind)]


def wait_for(condition, seconds=60.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def losses(events) -> list[float | None]:
    return [event.point.train_loss for event in events if isinstance(event, TrialPoint)]


def alone(assigned: StudyAssignment, name: str, storage) -> list[Event]:
    """What a trial tells that runs in this process, with nothing beside it."""
    (plan,) = (p for p in plan_trials(assigned, built_in()) if p.trial.trial_id == name)
    told: list[Event] = []
    run_trial(Trial(plan, TrialFolder(storage / "alone" / name)), told.extend)
    return told


def test_a_study_runs_in_order_and_its_losses_are_those_of_a_run_without_ray(
    head, service, tmp_path
):
    service.assignment = study(
        trial(0), trial(1, lr=-1.0), trial(2, "sgd", lr=1e9), trial(3, "kbfgs"), exclusive=True
    )
    code, out, err = drive(head, service, tmp_path)
    assert code == 0, err
    assert out == ""
    assert list((tmp_path / "scratch").iterdir()) == []
    ended = {event.trial_id: event for event in of_kind(service, TrialEnded)}
    assert list(ended) == ["c-t0", "c-t1", "c-t2", "c-t3"]
    assert [event.outcome for event in ended.values()] == [
        "finished", "failed", "diverged", "finished",
    ]  # fmt: skip
    assert ended["c-t1"].failure is FailureKind.BAD_SETTING
    assert "c-t1 failed" in service.printed("c-t1")
    assert "Traceback" in service.printed("c-t1")
    assert service.printed("c-t0") == ""
    assert min(service.late) < 1, "what ends an epoch is told within a second"
    assert isinstance(service.events[-1], StudyEnded)
    assert len({event.environment.hostname for event in of_kind(service, TrialStarted)}) == 1
    for name in ended:
        ours = [e for e in service.events if getattr(e, "trial_id", "") == name]
        assert losses(ours) == losses(alone(service.assignment, name, tmp_path))


def test_trials_run_beside_each_other_where_nothing_forbids_it(head, service, tmp_path):
    service.assignment = study(trial(0), trial(1), epochs=30)
    assert drive(head, service, tmp_path)[0] == 0
    order = [event.trial_id for event in of_kind(service, TrialPoint)]
    assert order.index("c-t1") < len(order) - 1 - order[::-1].index("c-t0")


def training_processes(head) -> list[psutil.Process]:
    """The processes of this head that train, by the name that Ray gives them."""
    return [process for process in psutil.process_iter() if trains_under(process, head)]


def trains_under(process: psutil.Process, head) -> bool:
    try:
        named = any("TrialTrainable" in part for part in process.cmdline())
        return named and process.environ().get("RAY_AUTH_TOKEN_PATH") == head.token_path
    except psutil.Error:
        return False


def test_a_trial_whose_process_is_killed_goes_on_from_its_checkpoint(head, service, tmp_path):
    service.assignment = study(trial(0), epochs=60)
    process = start_driver(head, service, tmp_path)
    wait_for(lambda: len(service.steps("c-t0")) > 10)
    (actor,) = training_processes(head)
    actor.kill()
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    resumed = [event.resumed_from_epoch for event in of_kind(service, TrialStarted)]
    assert len(resumed) == 2
    assert resumed[1] >= 10
    by_step = Counter(service.steps("c-t0"))
    assert sorted(by_step) == [4 * epoch for epoch in range(61)]
    assert len({(e.point.step, e.point.train_loss) for e in of_kind(service, TrialPoint)}) == 61


def test_a_trial_whose_process_always_dies_is_a_lost_worker_and_the_others_go_on(
    head, service, tmp_path
):
    service.assignment = study(trial(0), trial(1, "sgd", lr=1e9), epochs=2000, exclusive=True)
    process = start_driver(head, service, tmp_path, "-c", DYING)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    ended = {event.trial_id: event for event in of_kind(service, TrialEnded)}
    assert ended["c-t0"].failure is FailureKind.LOST_WORKER
    assert ended["c-t0"].worker_seconds > 0
    assert ended["c-t1"].outcome == "diverged"


def test_a_killed_driver_takes_its_trials_along_and_the_next_one_finishes_them(
    head, service, tmp_path
):
    service.assignment = study(trial(0), epochs=60)
    process = start_driver(head, service, tmp_path)
    wait_for(lambda: len(service.steps("c-t0")) > 10)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    wait_for(lambda: not training_processes(head))
    assert drive(head, service, tmp_path)[0] == 0
    assert of_kind(service, TrialStarted)[-1].resumed_from_epoch >= 10
    assert sorted(set(service.steps("c-t0"))) == [4 * epoch for epoch in range(61)]
    assert len({(e.point.step, e.point.train_loss) for e in of_kind(service, TrialPoint)}) == 61


def test_a_dismissed_driver_ends_at_once_with_3_and_leaves_no_trial_behind(head, service, tmp_path):
    service.assignment = study(trial(0), epochs=5000)
    process = start_driver(head, service, tmp_path)
    wait_for(lambda: len(service.steps("c-t0")) > 3)
    service.dismissing = 409
    process.communicate(timeout=60)
    assert process.returncode == 3
    assert len(service.steps("c-t0")) < 5001, "it ended before its trial did"
    wait_for(lambda: not training_processes(head))
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_cancelled_trial_ends_soon_and_the_next_one_runs(head, service, tmp_path):
    service.assignment = study(trial(0), trial(1), epochs=2000, exclusive=True)
    process = start_driver(head, service, tmp_path)
    wait_for(lambda: len(service.steps("c-t0")) > 3)
    service.cancel = ("c-t0",)
    wait_for(lambda: service.steps("c-t1"))
    service.cancel = ("c-t0", "c-t1")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert of_kind(service, TrialEnded) == []
    assert len(service.steps("c-t0")) < 2001


UNRULY = f"""
import ctypes, os, sys, time
TOKEN = {TOKEN!r}
LEAK = []
from workers import agenda, search
from workers.__main__ import main
from workers.trainable import TrialTrainable

class Unruly(TrialTrainable):
    def _train(self):
        self._guard.alive()
        print("python says hello to", TOKEN)
        ctypes.CDLL(None).puts(b"and so does C")
        ctypes.CDLL(None).fflush(None)
        if self._output.path.name == "c-t0":
            for _ in range(100):
                os.write(2, (b"x" * 1023 + b"\\n") * 1024)
        if self._output.path.name == "c-t2":
            time.sleep(600)
        if self._output.path.name == "c-t3":
            self._trial._problems = lambda name: 1 // 0
        while self._output.path.name == "c-t4":
            LEAK.append(b"x" * (16 << 20))
            time.sleep(0.005)
        return super()._train()

search.TrialTrainable = Unruly
agenda.LOST_WORKER_RESTARTS = 0
print("the driver speaks", flush=True)
sys.exit(main(["run"]))
"""


def test_trials_that_flood_hang_break_or_take_too_much_memory_harm_nobody(head, service, tmp_path):
    unruly = (trial(4), trial(0), trial(2), trial(3))  # the greedy one in a fresh process
    service.assignment = study(*unruly, trial(1), stall_seconds=15, memory=10**9)
    process = start_driver(head, service, tmp_path, "-c", UNRULY)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    ended = {event.trial_id: event for event in of_kind(service, TrialEnded)}
    assert (ended["c-t0"].outcome, ended["c-t1"].outcome) == ("finished", "finished")
    hung = ended["c-t2"]
    assert (hung.outcome, hung.failure) == ("failed", FailureKind.LOST_WORKER)
    assert hung.message.startswith("it hung: no step for 15 s, at File")
    assert "c-t2 made no step for 15 s" in service.printed(None)
    assert ended["c-t3"].failure is FailureKind.BUG
    assert "ZeroDivisionError" in service.printed("c-t3")
    greedy = ended["c-t4"]
    assert greedy.failure is FailureKind.OUT_OF_MEMORY
    assert greedy.message.startswith("it passed its memory limit: it has 1")
    assert greedy.message.endswith("GB of 1.00 GB (resources.memory)")
    assert greedy.message in service.printed("c-t4")
    told = [event for event in service.events if getattr(event, "trial_id", "") == "c-t1"]
    assert losses(told) == losses(alone(service.assignment, "c-t1", tmp_path))
    assert service.steps("c-t0") == service.steps("c-t1") == [0, 4, 8]
    flood, calm = service.printed("c-t0"), service.printed("c-t1")
    assert "python says hello to [hidden]\nand so does C\nxxx" in flood
    assert "[the log is full: what follows is dropped, but for the end]" in flood
    assert "bytes dropped]" in flood
    assert len(flood) < 300_000
    assert "python says hello to [hidden]\nand so does C\n" in calm
    assert "xxx" not in calm
    assert TOKEN not in str(service.logs.values())


def a_search_that_learns() -> StudyAssignment:
    """Six trials of SGD on the quadratic whose points follow, halved after epochs 1 and 2."""
    names = [f"c-t{number}" for number in range(6)]
    proposals = Proposals(
        space={"lr": LogRange(log=(1e-3, 1))}, metric=Metric.TRAIN_LOSS, tried=(),
        open={name: number for number, name in enumerate(names)},
    )  # fmt: skip
    rungs = Rungs(epochs=(1, 2), reduction_factor=2, metric=Metric.TRAIN_LOSS, losses={})
    trials = (trial(number, "sgd") for number in range(6))
    usual = study(*trials, epochs=4, exclusive=True)
    changed = {"problem": "quadratic", "batch_size": 64, "proposals": proposals, "rungs": rungs}
    return usual.model_copy(update=changed)


def without_ray(assigned: StudyAssignment, storage) -> list[Event]:
    """What a search tells that runs in this process."""
    told: list[Event] = []

    def folder(name: str) -> TrialFolder:
        return TrialFolder.of(storage, comparison_id="c", trial_id=name)

    agenda = Agenda(
        plan_trials(assigned, built_in()),
        tell=told.extend,
        halt=lambda name: folder(name).cancel(),
        points=Points(assigned.proposals),
        halving=Halving(assigned.rungs),
    )
    while (plan := agenda.begin()) is not None:
        run_trial(Trial(plan, folder(plan.trial.trial_id)), agenda.heard)
        agenda.left(plan.trial.trial_id)
    return told


def test_a_search_learns_and_stops_trials_early_as_it_does_without_ray(head, service, tmp_path):
    service.assignment = a_search_that_learns()
    code, _, err = drive(head, service, tmp_path)
    assert code == 0, err
    alone = without_ray(service.assignment, tmp_path / "alone")
    outcomes = []
    for told in (service.events, alone):
        points = {event.trial_id: event.point for event in told if isinstance(event, TrialProposed)}
        ends = {event.trial_id: event.outcome for event in told if isinstance(event, TrialEnded)}
        assert set(ends.values()) == {"finished", "stopped"}
        assert len({point["lr"] for point in points.values()}) == 6
        last = {
            event.trial_id: event.point.epoch for event in told if isinstance(event, TrialPoint)
        }
        assert all((last[name] == 4) == (ends[name] == "finished") for name in ends)
        outcomes.append((points, ends, last))
    assert outcomes[0] == outcomes[1]


def most_at_once(trials) -> int:
    began, ended = (sorted(one[moment] for one in trials) for moment in ("began", "ended"))
    return max(bisect(began, moment) - bisect_left(ended, moment) for moment in began)


def test_as_many_trials_run_as_there_are_gpus_for_and_each_sees_its_own(head, service, tmp_path):
    probe = ("-m", "tests.support.placement_probe", str(tmp_path), "0.5:4", "1:2", "2:1")
    out, err = start_driver(head, service, tmp_path, *probe).communicate(timeout=SECONDS)
    told = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert [one["allowed"] for one in told] == [4, 2, 1], err
    assert [most_at_once(one["trials"]) for one in told] == [4, 2, 1]
    seen = [Counter(trial["devices"] for trial in one["trials"]) for one in told]
    assert (min(seen[0].values()), set(seen[0])) == (2, {"0", "1"})
    assert set(seen[1]) == {"0", "1"}
    assert set(seen[2]) == {"0,1"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU to train on")
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_trial_with_a_gpu_that_is_none_says_so_and_does_not_train(
    head, service, tmp_path, workers
):
    service.assignment = study(trial(0), gpus=1, workers=workers)
    code, _, err = drive(head, service, tmp_path)
    assert code == 0, err
    (ended,) = of_kind(service, TrialEnded)
    assert (ended.outcome, ended.failure) == ("failed", FailureKind.BUG)
    assert "finds no CUDA device on" in ended.message
    assert not of_kind(service, TrialPoint)
