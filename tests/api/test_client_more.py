"""The commands about what can be compared, what a comparison is made of, and webhooks."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from service.contracts.documents import read_document
from service.contracts.templates import TemplateView
from service.contracts.views import ComparisonView
from tests.support.api_site import SPEC
from tests.support.terminal import Terminal

Command = Callable[..., str]


def named(printed: str) -> str:
    return ComparisonView.model_validate_json(printed).name


def test_yaml_json_standard_input_and_a_template_are_submitted(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for written in (yaml.safe_dump(SPEC), json.dumps(SPEC)):
        path = tmp_path / "spec"
        path.write_text(written)
        assert named(command("submit", str(path), "--json")) == SPEC["name"]
        monkeypatch.setattr("sys.stdin", io.StringIO(written))
        assert named(command("submit", "-", "--json")) == SPEC["name"]
    assert named(command("submit", "--template", "quick-look", "--json")) == "A quick look"


def test_a_template_is_printed_as_it_is_submitted(terminal: Terminal) -> None:
    listed = terminal.command("templates")
    assert "quick-look" in listed
    assert "optimizer-choice" in listed
    template = TemplateView.model_validate_json(terminal.command("templates", "paper", "--json"))
    printed = terminal.command("templates", "paper")
    assert printed == template.text.strip()
    assert read_document(printed)
    for arguments in (["templates", "mine"], ["submit", "--template", "mine"]):
        code, out, errors = terminal.run(*arguments)
        assert (code, out) == (2, "")
        assert errors.startswith("there is no template 'mine'; there are: quick-look, ")


def test_a_preview_says_what_would_run(command: Command, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump({**SPEC, "seeds": 2}))
    told = command("preview", str(tmp_path / "spec.yaml"))
    assert told.startswith("8 trials, 24 epochs; 2 Sobol points a contender; ")
    assert "warning: with 2 seeds no winner" in told


def test_an_optimizer_is_shown_with_its_settings(command: Command) -> None:
    assert "kbfgs-l" in command("optimizers")
    told = command("optimizers", "sgd")
    assert "nesterov" in told
    assert "3e-4 to 0.3" in told


def test_what_a_comparison_is_made_of_is_listed(terminal: Terminal) -> None:
    comparison = terminal.submit()
    assert terminal.command("list", "--ids") == comparison
    assert terminal.command("studies", comparison).count("queued") == 2
    trials = terminal.command("trials", comparison, "--contender", "adam")
    assert f"{comparison}-t2" in trials
    assert f"{comparison}-t0" not in trials
    driver = terminal.web().next_study()
    assert driver
    driver.run(driver.assignment.trials[0])
    driver.fail(driver.assignment.trials[1], "a \x1b[2J screen wiped")
    driver.http.close()
    assert "a \N{REPLACEMENT CHARACTER}[2J screen wiped" in terminal.command("trials", comparison)
    (row,) = [
        line for line in terminal.command("metrics", comparison).splitlines() if "-t0" in line
    ]
    assert "kbfgs" in row


def test_changes_are_printed_as_they_come_and_to_their_end(terminal: Terminal) -> None:
    comparison = terminal.submit()
    lines = terminal.command("events", comparison).splitlines()
    assert len(lines) >= 1
    assert f"comparison {comparison}: queued by admin" in lines[0]
    assert terminal.site.asker().post(f"/v1/comparisons/{comparison}:cancel").status_code == 200
    followed = terminal.command("events", comparison, "--follow", "--json").splitlines()
    assert json.loads(followed[-1])["after"] == "cancelled"
    assert terminal.run("events", "nothing")[0] == 2


def test_a_webhook_is_added_listed_and_removed(terminal: Terminal) -> None:
    code, out, errors = terminal.run(
        "webhooks", "add", "https://hook.example/x", "--state", "finished", "--state", "failed"
    )
    secret = out.strip()
    assert (code, len(secret) >= 43) == (0, True)
    assert "https://hook.example/x" in errors
    listed = terminal.command("webhooks", "list")
    assert "finished, failed" in listed
    assert secret not in listed
    (webhook,) = json.loads(terminal.command("webhooks", "list", "--json"))
    assert terminal.command("webhooks", "remove", webhook["id"]) == f"{webhook['id']} is removed"
    assert json.loads(terminal.command("webhooks", "list", "--json")) == []
    assert terminal.run("webhooks", "remove", webhook["id"])[0] == 2
    code, _, errors = terminal.run("webhooks", "add", "ftp://hook.example/")
    assert (code, errors.startswith("url: ")) == (2, True)
