"""The commands of the local chain: plan a spec, score a folder."""

import json
from pathlib import Path

import pytest

from service.__main__ import main
from service.contracts.events import (
    Environment,
    EventLine,
    TrialEnded,
    TrialPoint,
    TrialStarted,
)
from service.contracts.plan import Plan
from service.contracts.report import Report
from service.domain.planning import plan_finals
from tests.support.comparisons import NOW, PROBLEM, curve

SPEC = """
name: two of them
problems: [mnist-5k-autoencoder]
contenders:
  - {optimizer: kbfgs}
  - {optimizer: adam, settings: {eps: 1e-8}}
budget: {epochs: 2}
tuning: {trials: 2}
seeds: 6
verdict: {target: 50}
"""


def planned(folder: Path, capsys: pytest.CaptureFixture[str]) -> Plan:
    (folder / "spec.yaml").write_text(SPEC)
    assert main(["plan", str(folder / "spec.yaml")]) == 0
    return Plan.model_validate_json(capsys.readouterr().out)


def a_run(folder: Path, planned: Plan) -> None:
    """Write what a local run leaves: K-BFGS reaches 50 in 1 + s/100 epochs of 1 s, Adam in 2."""
    chosen = {study.contender: study.trials[0].point for study in planned.studies}
    finals = plan_finals(
        planned.spec, PROBLEM, chosen, planned.seeds, study_number=2, first_trial_number=4
    )
    whole = planned.model_copy(update={"studies": (*planned.studies, finals)})
    (folder / "plan.json").write_text(whole.model_dump_json())
    environment = Environment(hostname="h", device="cpu", python="3", torch="2", threads=1)
    lines = []
    for study in whole.studies:
        for trial in study.trials:
            name = f"local-t{trial.number}"
            losses = [100, 50, 10] if trial.contender == "kbfgs" else [100, 90, 50]
            pace = 1 + planned.seeds.finals.index(trial.seed) / 100 if study is finals else 1
            told = [TrialStarted(trial_id=name, number=0, at=NOW, environment=environment)]
            told += [TrialPoint(trial_id=name, point=point) for point in curve(losses, pace)]
            told.append(
                TrialEnded(trial_id=name, number=1, at=NOW, outcome="finished", worker_seconds=3)
            )
            lines += [
                EventLine(
                    study_id=f"local-s{study.number}", attempt=1, event=event
                ).model_dump_json()
                for event in told
            ]
    (folder / "events.jsonl").write_text("\n".join(lines) + '\n{"study_id": "loc')


def test_a_plan_holds_the_spec_and_every_tuning_trial(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = planned(tmp_path, capsys)
    assert found.spec.contenders[1].settings == {"eps": 1e-8}
    assert [len(study.trials) for study in found.studies] == [2, 2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: [", "line 1"),
        (SPEC.replace("kbfgs", "nobody"), "contenders[0].optimizer: unknown optimizer 'nobody'"),
        (SPEC.replace("kbfgs", "nobody"), "(allowed: kbfgs, kbfgs-l, kfac, adam, "),
        (SPEC.replace("seeds: 6", "seeds: 0"), "seeds: "),
        ("3", "spec.yaml: the spec is no mapping; it must be a mapping with name, problems, "),
        ("", "spec.yaml: the spec is empty; it must be a mapping with name, problems, contenders"),
    ],
)
def test_a_bad_spec_is_refused_with_the_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    (tmp_path / "spec.yaml").write_text(text)
    assert main(["plan", str(tmp_path / "spec.yaml")]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert words in output.err
    assert "Traceback" not in output.err


def test_a_spec_that_is_not_there_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(tmp_path / "none.yaml")]) == 2
    assert capsys.readouterr().err == f"cannot read {tmp_path / 'none.yaml'}: no such file\n"


def test_a_spec_that_is_not_text_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.yaml").write_bytes(b"\xff\xfe")
    assert main(["plan", str(tmp_path / "spec.yaml")]) == 2
    error = capsys.readouterr().err
    assert error == f"cannot read {tmp_path / 'spec.yaml'}: it is not text in UTF-8\n"


def test_too_few_seeds_are_warned_of_beside_the_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC.replace("seeds: 6", "seeds: 2"))
    assert main(["plan", str(tmp_path / "spec.yaml")]) == 0
    output = capsys.readouterr()
    json.loads(output.out)
    assert "warning: with 2 seeds no winner" in output.err


def test_a_run_is_scored_printed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = planned(tmp_path, capsys)
    a_run(tmp_path, before)
    assert main(["score", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    report = Report.model_validate_json((tmp_path / "report.json").read_bytes())
    assert report.status == "final"
    assert report.comparison_id == "local"
    # the same pace for both in each seed: 1 epoch against 2 in all six
    assert report.problems[0].pairs[0].ratio.median == 0.5
    assert "0.50" in printed
    assert str(tmp_path / "report.html") in printed
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    assert not (tmp_path / "report.tex").exists(), "it was not asked for"
    assert main(["plan", str(tmp_path / "capsule.json")]) == 0
    assert Plan.model_validate_json(capsys.readouterr().out).studies == before.studies


def test_the_report_is_written_in_further_forms(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_run(tmp_path, planned(tmp_path, capsys))
    forms = [word for form in ("latex", "markdown", "pdf") for word in ("--format", form)]
    assert main(["score", str(tmp_path), *forms]) == 0
    assert r"\toprule" in (tmp_path / "report.tex").read_text()
    assert (tmp_path / "report.md").read_text().startswith("**No clear winner")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert not (tmp_path / "report.svg").exists()


@pytest.mark.parametrize("missing", ["plan.json", "events.jsonl"])
def test_a_folder_without_a_run_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    a_run(tmp_path, planned(tmp_path, capsys))
    (tmp_path / missing).unlink()
    assert main(["score", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error == f"cannot read {tmp_path / missing}: no such file\n"


def test_a_report_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_run(tmp_path, planned(tmp_path, capsys))
    (tmp_path / "report.json").mkdir()
    assert main(["score", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error == f"cannot write {tmp_path / 'report.json'}: is a directory\n"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("plan.json", "plan.json is not a plan: spec: Field required"),
        ("events.jsonl", "events.jsonl:1 is not an event: study_id: Field required"),
    ],
)
def test_a_folder_with_something_else_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    a_run(tmp_path, planned(tmp_path, capsys))
    (tmp_path / name).write_text("{}\n")
    assert main(["score", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
