"""The chain without Ray and without a server, on the real digits."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from service.contracts.catalogue import built_in
from service.contracts.event_lines import LOCAL_COMPARISON, parse_events
from service.contracts.events import EventLine, StudyEnded, TrialEnded, TrialPoint
from service.contracts.plan import Plan
from service.contracts.spec import ComparisonSpec
from service.contracts.states import StudyKind
from service.domain.planning import plan
from workers.__main__ import main
from workers.local import read_results, run_local
from workers.problems import DataMissing
from workers.reporting import JsonlReporter

pytestmark = pytest.mark.training

ROOT = Path(__file__).resolve().parents[2]


def drawn(folder: Path, **changed) -> Path:
    spec = {
        "name": "local", "problems": ["mnist-5k-autoencoder"],
        "contenders": [{"optimizer": "adam"}, {"optimizer": "kbfgs"}],
        "budget": {"epochs": 1}, "tuning": {"trials": 1}, "seeds": 1, "batch_size": 1000,
    }  # fmt: skip
    document = plan(ComparisonSpec.model_validate({**spec, **changed}), built_in())
    path = folder / "drawn.json"
    path.write_text(document.model_dump_json())
    return path


def told(folder: Path) -> tuple[EventLine, ...]:
    return parse_events((folder / "events.jsonl").read_bytes())


def losses(folder: Path) -> dict[tuple[str, int], float]:
    return {
        (line.event.trial_id, line.event.point.epoch): line.event.point.train_loss
        for line in told(folder)
        if isinstance(line.event, TrialPoint)
    }


def ends(folder: Path) -> Counter[str]:
    return Counter(
        line.event.trial_id for line in told(folder) if isinstance(line.event, TrialEnded)
    )


def test_it_searches_chooses_and_runs_the_finals(tmp_path):
    out = tmp_path / "out"
    run_local(drawn(tmp_path), out)
    written = Plan.model_validate_json((out / "plan.json").read_bytes())
    kinds = [study.kind for study in written.studies]
    assert kinds == [StudyKind.TUNING, StudyKind.TUNING, StudyKind.FINALS]
    read = read_results(out, built_in())
    results = read.trials
    assert read.complete
    assert [result.state.value for result in results] == ["finished"] * 4
    assert all(len(result.points) == 2 for result in results)
    finals = {result.contender: result for result in results if result.kind is StudyKind.FINALS}
    assert {name: one.point for name, one in finals.items()} == {
        result.contender: result.point for result in results[:2]
    }
    kept = {path.name for path in (out / "checkpoints" / LOCAL_COMPARISON).iterdir()}
    assert kept == {f"{LOCAL_COMPARISON}-t2", f"{LOCAL_COMPARISON}-t3"}, "the finals' alone"
    assert finals["adam"].seed == finals["kbfgs"].seed not in {one.seed for one in results[:2]}
    assert finals["adam"].points[0].train_loss == finals["kbfgs"].points[0].train_loss
    assert sum(isinstance(line.event, StudyEnded) for line in told(out)) == 3

    before = (out / "events.jsonl").read_bytes()
    run_local(tmp_path / "drawn.json", out)
    assert (out / "events.jsonl").read_bytes() == before, "a finished run has nothing left to do"


class BrokenOff(Exception):
    """The process ends here."""


def run_broken_off(path, folder, monkeypatch, *, after):
    """Run a plan, broken off once after each of these numbers of reports, and then to its end."""
    report = JsonlReporter.report
    for reports in after:
        countdown = iter(range(reports))

        def until_broken_off(self, events, countdown=countdown):
            if next(countdown, None) is None:
                raise BrokenOff
            report(self, events)

        monkeypatch.setattr(JsonlReporter, "report", until_broken_off)
        with pytest.raises(BrokenOff):
            run_local(path, folder)
    monkeypatch.setattr(JsonlReporter, "report", report)
    run_local(path, folder)


def test_a_run_that_was_broken_off_goes_on_with_the_losses_of_an_undisturbed_one(
    tmp_path, monkeypatch
):
    path = drawn(tmp_path, budget={"epochs": 2}, contenders=[{"optimizer": "adam"}])
    run_local(path, tmp_path / "undisturbed")
    run_broken_off(path, tmp_path / "broken", monkeypatch, after=(2, 3))
    assert losses(tmp_path / "broken") == losses(tmp_path / "undisturbed")
    assert set(ends(tmp_path / "broken").values()) == {1}


LEARNS = {
    "problems": ["quadratic"], "batch_size": 64, "budget": {"epochs": 4}, "seeds": 1,
    "contenders": [{"optimizer": "sgd", "space": {"lr": {"log": [0.001, 1]}}}],
    "tuning": {"search": "tpe", "trials": 6, "asha": {"reduction_factor": 2}},
}  # fmt: skip


def test_a_search_that_learns_and_stops_trials_goes_on_as_if_it_had_not_been_broken_off(
    tmp_path, monkeypatch
):
    path = drawn(tmp_path, **LEARNS)
    run_local(path, tmp_path / "undisturbed")
    run_broken_off(path, tmp_path / "broken", monkeypatch, after=range(1, 5))
    once, again = (read_results(tmp_path / name, built_in()) for name in ("undisturbed", "broken"))
    assert losses(tmp_path / "broken") == losses(tmp_path / "undisturbed")
    assert [(one.point, one.state) for one in again.trials] == [
        (one.point, one.state) for one in once.trials
    ]
    assert {one.state.value for one in once.trials[:6]} == {"finished", "stopped"}
    assert len({one.point["lr"] for one in once.trials[:6]}) == 6
    assert once.complete
    assert once.trials[6].point in [one.point for one in once.trials[:6]]


def test_a_search_ends_when_its_worker_seconds_are_spent(tmp_path):
    tuning = {"trials": 64, "worker_seconds": 0.01}
    run_local(drawn(tmp_path, **{**LEARNS, "tuning": tuning}), tmp_path / "out")
    *search, final = read_results(tmp_path / "out", built_in()).trials
    assert [one.state.value for one in search[1:]] == ["stopped"] * 63
    assert not any(one.points for one in search[1:])
    assert final.point == search[0].point


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_and_ends_with_the_losses_of_an_undisturbed_one(tmp_path):
    path = drawn(tmp_path, budget={"epochs": 4})
    command = [sys.executable, "-m", "workers", "run", "--local", str(path), "--out"]
    subprocess.run([*command, str(tmp_path / "a")], cwd=ROOT, check=True, timeout=120)
    events = tmp_path / "b" / "events.jsonl"
    for size in (1_500, 3_000):
        process = subprocess.Popen([*command, str(tmp_path / "b")], cwd=ROOT)
        while process.poll() is None and not (events.exists() and os.stat(events).st_size > size):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run([*command, str(tmp_path / "b")], cwd=ROOT, check=True, timeout=120)
    assert losses(tmp_path / "b") == losses(tmp_path / "a")
    assert set(ends(tmp_path / "b").values()) == {1}


def test_a_folder_with_another_run_is_refused(tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    path = drawn(tmp_path, seed=1)
    (out / "plan.json").write_bytes(path.read_bytes())
    other = drawn(tmp_path, seed=2)
    assert main(["run", "--local", str(other), "--out", str(out)]) == 2
    assert "plan.json is another plan's" in capsys.readouterr().err


def refusal(capsys, *arguments) -> str:
    """The one line that a refused command prints."""
    assert main(["run", *map(str, arguments)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize("content", ["", "{}", "not json", '{"spec": 1}', b"\xff"])
def test_what_is_not_a_plan_is_refused_in_one_line(tmp_path, capsys, content):
    path = tmp_path / "drawn.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    line = refusal(capsys, "--local", path, "--out", tmp_path / "out")
    assert line.startswith(f"{path} is not a plan: ")


def test_a_plan_that_is_not_there_is_refused_in_one_line(tmp_path, capsys):
    line = refusal(capsys, "--local", tmp_path / "no", "--out", tmp_path)
    assert line == f"{tmp_path / 'no'}: No such file or directory"


def edited(folder: Path, old: str, new: str) -> Path:
    path = drawn(folder)
    path.write_text(path.read_text().replace(old, new))
    return path


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"optimizer":"adam"', '"optimizer":"nobody"', "unknown optimizer 'nobody' (allowed: kbf"),
        ("mnist-5k-autoencoder", "nothing", "unknown problem 'nothing' (allowed: mnist-auto"),
        ('"contender":"adam"', '"contender":"other"', "study 0 is not one of its spec"),
        ('"trials":[{"number":', '"trials":[],"number":[{"', "is not a plan: "),
    ],
)
def test_a_plan_of_what_these_workers_lack_is_refused_before_anything_is_written(
    tmp_path, capsys, old, new, words
):
    path = edited(tmp_path, old, new)
    line = refusal(capsys, "--local", path, "--out", tmp_path / "out")
    assert line.startswith(f"{path}")
    assert words in line
    assert not (tmp_path / "out").exists()


def test_missing_data_are_said_before_anything_is_written(tmp_path, capsys, monkeypatch):
    def missing(name):
        raise DataMissing("install the digits")

    monkeypatch.setattr("workers.local.build_problem", missing)
    path = drawn(tmp_path)
    line = refusal(capsys, "--local", path, "--out", tmp_path / "out")
    assert line == f"{path}: install the digits"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["plan.json", "events.jsonl"])
def test_a_broken_file_of_an_earlier_run_is_named(tmp_path, capsys, name):
    path, out = drawn(tmp_path), tmp_path / "out"
    out.mkdir()
    (out / name).write_text('{"study_id": 3}\n')
    line = refusal(capsys, "--local", path, "--out", out)
    wanted = {"plan.json": " is not a plan: spec", "events.jsonl": ":1 is not an event: study_id"}
    assert line.startswith(f"{out / name}{wanted[name]}")


def test_a_folder_that_cannot_be_made_is_named(tmp_path, capsys):
    path = drawn(tmp_path)
    line = refusal(capsys, "--local", path, "--out", path / "out")
    assert line == f"{path / 'out'}: Not a directory"


def test_out_without_local_is_refused(tmp_path, capsys):
    assert "--local" in refusal(capsys, "--out", tmp_path)


def test_a_line_that_was_cut_off_is_not_read_and_is_gone_before_the_next_one(tmp_path):
    path = tmp_path / "events.jsonl"
    ended = StudyEnded(at="2026-01-01T00:00:00Z", outcome="finished")
    for cut in (b"", b'{"study_id": "local-s0", "att'):
        path.open("ab").write(cut)
        if path.stat().st_size:
            assert len(told(tmp_path)) == 1
        reporter = JsonlReporter(path, study_id="local-s0", attempt=1)
        reporter.report([ended])
        reporter.close()
    assert [line.event for line in told(tmp_path)] == [ended, ended]


def test_the_problems_are_listed(capsys):
    assert main(["problems"]) == 0
    listed = capsys.readouterr().out
    for entry in built_in().problems:
        assert f"{entry.name}: {entry.title}" in listed
        assert f"{entry.epochs} epochs in batches of {entry.batch_size}" in listed
    assert "training loss decides; measures training loss and test loss" in listed


def test_each_problem_is_listed_with_whether_its_data_are_there(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("KBFGS_DATA", str(tmp_path))
    assert main(["problems"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  data mnist-5k: made here" in lines
    assert "  data faces: missing" in lines
    named = {entry.data for entry in built_in().problems} - {None}
    assert named == {line.split()[1].rstrip(":") for line in lines if line.startswith("  data ")}
    monkeypatch.setenv("KBFGS_OFFLINE", "perhaps")
    assert main(["problems"]) == 2
    assert "KBFGS_OFFLINE must be" in capsys.readouterr().err
