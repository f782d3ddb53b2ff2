"""The driver against a real HTTP server; its trials run in this process instead of in Ray."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.contracts.events import StudyEnded, TrialEnded, TrialPoint, TrialStarted
from service.contracts.plan import StudyAssignment
from service.contracts.states import StudyKind
from tests.support.plugin_packages import fresh_package, install, install_entries
from tests.support.study_service import TOKEN, study_service
from tests.support.tiny_training import tiny, trial_plan
from workers import pulse as pulse_module
from workers.context import TrialFolder
from workers.driver import (
    BAD_ENVIRONMENT,
    DISMISSED,
    FAILED,
    FINISHED,
    BadEnvironment,
    DriverSettings,
    drive,
)
from workers.trial import Trial

pytestmark = pytest.mark.process


@pytest.fixture
def service():
    with study_service() as running:
        running.assignment = assignment(trials=2)
        yield running


@pytest.fixture
def settings(service, tmp_path):
    return DriverSettings("c-s0", 1, TOKEN, service.url, tmp_path)


@pytest.fixture(autouse=True)
def quick_pulse(monkeypatch):
    monkeypatch.setattr(pulse_module, "SECONDS", 0.05)


def assignment(*, trials: int, problem="mnist-5k-autoencoder", epochs=3) -> StudyAssignment:
    return StudyAssignment(
        study_id="c-s0", attempt=1, comparison_id="c", kind=StudyKind.TUNING, problem=problem,
        batch_size=20, epochs=epochs, cpus=1, gpus=0, threads=1, exclusive=False,
        trials=tuple(
            trial_plan(trial_id=f"c-t{number}").trial for number in range(trials)
        ),
    )  # fmt: skip


def in_this_process(agenda, resources, *, storage, scratch, logs):
    """Runs the trials one after another on the tiny problem."""
    assert scratch.is_dir()
    while (plan := agenda.begin()) is not None:
        folder = TrialFolder.of(
            storage, comparison_id=plan.comparison_id, trial_id=plan.trial.trial_id
        )
        trial = Trial(plan, folder, problems=tiny)
        agenda.heard(trial.start())
        while not trial.ended:
            time.sleep(0.01)
            agenda.heard(trial.advance())
        agenda.left(plan.trial.trial_id)


def test_a_study_is_told_from_its_first_trial_to_its_own_end(service, settings):
    assert drive(settings, in_this_process) == FINISHED
    kinds = [type(event) for event in service.events]
    assert kinds[0] is TrialStarted
    assert kinds.count(TrialEnded) == 2
    assert isinstance(service.events[-1], StudyEnded)
    assert service.events[-1].outcome == "finished"
    assert service.steps("c-t0") == service.steps("c-t1") == [0, 3, 6, 9]
    assert ("POST", "heartbeat") in service.calls


def test_what_the_start_took_is_told_once_in_a_heartbeat(service, settings):
    began = datetime.now(UTC) - timedelta(seconds=2)
    assert drive(settings, in_this_process, began_at=began) == FINISHED
    (start,) = [beat.start for beat in service.beats if beat.start is not None]
    assert start.began_at == began
    assert start.imports_seconds == pytest.approx(2, abs=1)
    spent = start.model_dump(exclude={"began_at", "imports_seconds"}).values()
    assert all(0 <= seconds < 60 for seconds in spent)
    assert start.metric_seconds > 0


def test_a_cluster_that_cannot_be_joined_fails_the_study(service, settings):
    def connect():
        raise ConnectionError("no such cluster")

    assert drive(settings, in_this_process, connect=connect) == FAILED
    assert service.events[-1].message == "ConnectionError: no such cluster"


def test_it_trains_on_while_the_web_is_away_and_tells_everything_later(service, settings):
    began_away = threading.Event()

    def search(agenda, resources, **others):
        service.away = True
        began_away.set()
        in_this_process(agenda, resources, **others)
        service.away = False

    assert drive(settings, search) == FINISHED
    assert began_away.is_set()
    assert service.steps("c-t0") == service.steps("c-t1") == [0, 3, 6, 9]


def test_it_waits_for_the_web_at_its_start(service, settings):
    service.away = True
    threading.Timer(0.3, lambda: setattr(service, "away", False)).start()
    assert drive(settings, in_this_process) == FINISHED


def test_it_gives_up_when_the_web_stays_away(service, settings):
    service.away = True
    assert drive(settings, in_this_process, patience_seconds=0.2) == FAILED


@pytest.mark.parametrize("status", [401, 403, 409])
def test_it_ends_with_3_when_it_is_dismissed_before_its_start(service, settings, status):
    service.dismissing = status
    assert drive(settings, in_this_process) == DISMISSED


class Left(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("status", [401, 403, 409])
def test_it_ends_with_3_at_once_when_a_heartbeat_dismisses_it(service, settings, status):
    codes, left = [], threading.Event()

    def leave(code):
        codes.append(code)
        left.set()

    def search(agenda, resources, **others):
        service.dismissing = status
        assert left.wait(5)
        raise Left

    with pytest.raises(Left):
        drive(settings, search, leave=leave)
    assert codes == [DISMISSED]


def test_a_trial_that_the_heartbeat_cancels_ends_and_the_others_go_on(service, settings):
    service.assignment = assignment(trials=2, epochs=60)
    service.cancel = ("c-t0",)
    assert drive(settings, in_this_process) == FINISHED
    ended = [event.trial_id for event in service.events if isinstance(event, TrialEnded)]
    assert ended == ["c-t1"]
    assert len(service.steps("c-t1")) == 61


def test_a_paused_trial_stops_and_the_next_attempt_goes_on_as_if_nothing_had_been(
    service, settings, tmp_path
):
    service.assignment = assignment(trials=1, epochs=60)
    drive(replace(settings, storage=tmp_path / "undisturbed"), in_this_process)
    undisturbed = losses(service)
    service.events.clear()
    service.pause = ("c-t0",)
    assert drive(settings, in_this_process) == FINISHED
    assert not [event for event in service.events if isinstance(event, TrialEnded)]
    assert len(losses(service)) < 61
    service.pause = ()
    service.events.clear()
    assert drive(settings, in_this_process) == FINISHED
    assert losses(service) == undisturbed
    assert len(undisturbed) == 61


def losses(service):
    """The training loss of each epoch that was told of."""
    told = [event.point for event in service.events if isinstance(event, TrialPoint)]
    return {point.epoch: point.train_loss for point in told}


def test_a_search_that_breaks_fails_the_study_with_the_reason(service, settings, caplog):
    def broken(agenda, resources, **others):
        raise RuntimeError("no cluster")

    assert drive(settings, broken) == FAILED
    (event,) = service.events
    assert (event.outcome, event.message) == ("failed", "RuntimeError: no cluster")
    assert "Traceback" in caplog.text


def test_a_problem_that_the_workers_lack_fails_the_study_with_that_sentence(service, settings):
    service.assignment = assignment(trials=1, problem="unheard-of")
    assert drive(settings, in_this_process) == FAILED
    assert "unheard-of" in service.events[-1].message


def of_a_plugin(optimizer: str) -> StudyAssignment:
    """A study as the service sends it: names, and no word of where they come from."""
    study = assignment(trials=1)
    trial = study.trials[0].model_copy(update={"optimizer": optimizer, "settings": {"lr": 0.01}})
    return study.model_copy(update={"trials": (trial,)})


def test_an_optimizer_that_the_workers_lack_fails_the_study_with_that_sentence(service, settings):
    service.assignment = of_a_plugin("walk")
    assert drive(settings, in_this_process) == FAILED
    (event,) = service.events
    assert event.outcome == "failed"
    assert event.message == (
        "UnknownToWorkers: these workers have no optimizer 'walk': "
        "install the plug-in that brings it on all of them"
    )


def test_a_plugin_that_is_disabled_here_is_part_of_that_sentence(
    service, settings, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(tmp_path / "site")
    install(tmp_path / "site", fresh_package(), distribution="kbfgs-walk", files={})
    service.assignment = of_a_plugin("walk")
    assert drive(settings, in_this_process) == FAILED
    assert "; plug-in kbfgs-walk 1.0 is disabled: its package " in service.events[-1].message


def test_a_plugin_of_the_drivers_own_environment_is_trained_with(
    service, settings, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(tmp_path / "site")
    code = "import torch\ndef build(model, settings):\n"
    code += "    return torch.optim.SGD(model.parameters(), **settings)\n"
    install_entries(tmp_path / "site", optimizer="walk", code=code)
    service.assignment = of_a_plugin("walk")
    assert drive(settings, in_this_process) == FINISHED
    assert service.events[0].environment.plugins == ("kbfgs-walk 1.0",)
    assert service.events[-2].outcome == "finished"


def test_nothing_of_its_own_is_left_behind(service, settings, tmp_path):
    folders = []

    def search(agenda, resources, *, scratch, **others):
        folders.append(scratch)
        in_this_process(agenda, resources, scratch=scratch, **others)

    drive(settings, search)
    assert not folders[0].exists()
    assert list((tmp_path / "c" / "outbox").iterdir()) == []


def test_what_an_earlier_attempt_left_behind_is_removed(settings, tmp_path):
    outboxes = tmp_path / "c" / "outbox"
    outboxes.mkdir(parents=True)
    for name in ("c-s0-0.jsonl", "c-s00-1.jsonl"):
        (outboxes / name).write_text("{}")
    scratch = tmp_path / "c" / "scratch"
    for name in ("c-s0-0", "c-s00-1"):
        (scratch / name / "study").mkdir(parents=True)
    assert drive(settings, in_this_process) == FINISHED
    assert [path.name for path in outboxes.iterdir()] == ["c-s00-1.jsonl"]
    assert [path.name for path in scratch.iterdir()] == ["c-s00-1"]


def test_the_environment_must_be_complete():
    complete = {
        "KBFGS_STUDY_ID": "c-s0", "KBFGS_STUDY_ATTEMPT": "2", "KBFGS_STUDY_TOKEN": "t",
        "KBFGS_WEB_URL": "http://127.0.0.1:8000", "KBFGS_STORAGE": "/data",
    }  # fmt: skip
    assert DriverSettings.from_environment(complete).attempt == 2
    for name in complete:
        with pytest.raises(BadEnvironment, match=name):
            DriverSettings.from_environment({**complete, name: ""})
    with pytest.raises(BadEnvironment, match="whole number"):
        DriverSettings.from_environment({**complete, "KBFGS_STUDY_ATTEMPT": "two"})


def test_the_command_says_what_is_missing_with_exit_code_2(monkeypatch, capsys):
    from workers.__main__ import main

    monkeypatch.delenv("KBFGS_STUDY_ID", raising=False)
    assert main(["run"]) == BAD_ENVIRONMENT
    assert "KBFGS_STUDY_ID" in capsys.readouterr().err
