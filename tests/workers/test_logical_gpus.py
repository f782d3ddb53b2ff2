"""GPUs that a Ray head only says that it has: how trials are placed, and what those say then."""

import json
from collections import Counter
from itertools import chain

import pytest

from service.contracts.events import TrialEnded, TrialPoint
from service.contracts.states import FailureKind
from tests.support.ray_head import ray_head
from tests.support.ray_studies import start_driver, study, trial
from tests.support.study_service import study_service

pytestmark = pytest.mark.ray
SECONDS = 120


@pytest.fixture(scope="module")
def head():
    with ray_head(cpus=6, gpus=2) as running:
        yield running


@pytest.fixture
def service():
    with study_service() as running:
        yield running


def most_at_once(trials) -> int:
    begun = [(one["began"], 1) for one in trials]
    moments = sorted(chain(begun, [(one["ended"], -1) for one in trials]))
    counts, now = [], 0
    for _, change in moments:
        now += change
        counts.append(now)
    return max(counts)


@pytest.mark.parametrize(
    ("gpus", "at_once", "devices"),
    [(0.5, 4, {"0": 2, "1": 2}), (1, 2, {"0": 1, "1": 1}), (2, 1, {"0,1": 1})],
)
def test_as_many_trials_run_as_there_are_gpus_for_and_each_sees_its_own(
    head, service, tmp_path, gpus, at_once, devices
):
    marks = tmp_path / "marks"
    marks.mkdir()
    probe = ("-m", "tests.support.placement_probe", str(marks), str(gpus), str(at_once))
    out, err = start_driver(head, service, tmp_path, *probe).communicate(timeout=SECONDS)
    told = json.loads(out.splitlines()[-1]) if out else err
    assert told["allowed"] == at_once
    assert most_at_once(told["trials"]) == at_once
    first = sorted(told["trials"], key=lambda one: one["began"])[:at_once]
    assert Counter(one["devices"] for one in first) == devices


@pytest.mark.parametrize("workers", [1, 2])
def test_a_trial_that_was_given_a_gpu_without_a_device_says_so_and_does_not_train(
    head, service, tmp_path, workers
):
    service.assignment = study(trial(0), gpus=1, workers=workers)
    process = start_driver(head, service, tmp_path)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    (ended,) = (event for event in service.events if isinstance(event, TrialEnded))
    assert (ended.outcome, ended.failure) == ("failed", FailureKind.BUG)
    assert "finds no CUDA device on" in ended.message
    assert "resources.gpus" in ended.message
    assert not any(isinstance(event, TrialPoint) for event in service.events)
