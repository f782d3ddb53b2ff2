"""The client and its commands against a real server: what they print and how they end."""

import io
import json
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from api.client import Client, NotAllowed, Refused, Unreachable
from api.client.__main__ import main
from api.client.watching import Lines, display_on, phase, watch
from service.contracts import numbers
from service.contracts.report import Report
from service.contracts.states import ComparisonState, StudyKind
from service.contracts.views import ComparisonPage, ComparisonView
from service.domain.records import Role
from service.up.home import Home, write_private
from service.up.supervisor import local_key
from tests.support.api_site import SPEC, Site, serving
from tests.support.terminal import Terminal


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(SPEC))
    return path


def drive(terminal: Terminal, kinds: Sequence[StudyKind] = tuple(StudyKind)) -> None:
    """Run the studies that wait, until none is left."""
    web = terminal.web()
    while driver := web.next_study():
        assert driver.assignment.kind in kinds
        for trial in driver.assignment.trials:
            driver.run(trial)
        driver.end()


def test_submit_list_show_report_cancel(terminal: Terminal, spec_file: Path) -> None:
    code, out, _ = terminal.run("submit", str(spec_file), "--json")
    view = ComparisonView.model_validate_json(out)
    assert code == 0
    code, out, _ = terminal.run("list", "--json")
    assert [item.id for item in ComparisonPage.model_validate_json(out).items] == [view.id]
    assert view.id in terminal.run("list")[1]
    code, out, _ = terminal.run("show", view.id)
    assert (code, out.count("queued")) == (0, 3)
    code, out, _ = terminal.run("report", view.id, "--json")
    assert Report.model_validate_json(out).status == "interim"
    path = spec_file.with_name("report.html")
    assert terminal.run("report", view.id, "--html", str(path)) == (0, f"wrote {path}\n", "")
    assert path.read_text().lower().startswith("<!doctype html>")
    path.unlink()
    code, out, errors = terminal.run("report", view.id, "--html", str(path), "--json")
    assert Report.model_validate_json(out).status == "interim"
    assert (code, errors, path.exists()) == (0, f"wrote {path}\n", True)
    code, out, _ = terminal.run("cancel", view.id)
    assert (code, out.strip()) == (0, f"{view.id} is cancelled")
    code, _, errors = terminal.run("watch", view.id)
    assert code == 1
    assert "cancelled by submitter" in errors


def test_submit_and_wait_prints_progress_verdict_and_table(
    terminal: Terminal, spec_file: Path
) -> None:
    def play() -> None:
        while not terminal.site.service.queue.queued():
            time.sleep(0.05)
        drive(terminal)

    player = threading.Thread(target=play)
    player.start()
    code, out, errors = terminal.run("submit", str(spec_file), "--wait")
    player.join()
    assert (code, errors) == (0, "")
    (view,) = terminal.site.service.comparisons.page().items
    report = terminal.site.service.reports.report(view.id)
    assert report.status == "final"
    (problem,) = report.problems
    assert problem.sentence in out
    assert "kbfgs" in out
    assert "adam" in out
    assert "best loss" in out
    table = out[out.index(problem.sentence) :]
    goal = f"seconds to {numbers.loss(problem.target.value)} (95 %)"
    for heading in (
        "contender",
        "best settings",
        "final training loss (95 %)",
        goal,
        "tuning cost",
        "forward and backward",
    ):
        assert heading in table
    for contender in problem.contenders:
        (row,) = [
            line for line in table.splitlines() if numbers.settings(contender.settings) in line
        ]
        best = contender.final_loss
        assert numbers.with_span(best.median, best.low, best.high, write=numbers.loss) in row
        assert "6 of 6" in row
        assert "2 trials, 40.0 worker-s" in row
    code, out, errors = terminal.run("watch", view.id, "--json")
    assert Report.model_validate_json(out) == report
    assert "finished, 100%" in errors


def test_a_bad_spec_is_a_line_for_each_field(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump({**SPEC, "seeds": 0, "budget": {"epochs": 0}}))
    code, out, errors = terminal.run("submit", str(path))
    assert (code, out) == (2, "")
    lines = errors.splitlines()
    assert [line.split(":")[0] for line in lines] == ["budget.epochs", "seeds"]
    assert all("greater than or equal to 1, got 0" in line for line in lines)
    path.write_text(yaml.safe_dump({**SPEC, "problems": ["mnist"]}))
    code, _, errors = terminal.run("submit", str(path))
    assert (code, len(errors.splitlines())) == (2, 1)
    assert "problems[0]" in errors
    assert "mnist-5k-autoencoder" in errors
    path.write_text("name: [a\nseeds: 3")
    code, _, errors = terminal.run("submit", str(path))
    assert (code, len(errors.splitlines())) == (2, 1)
    assert "line 2" in errors
    assert terminal.site.service.comparisons.page().items == ()


def test_other_bad_input_is_one_line_and_exit_code_2(terminal: Terminal, tmp_path: Path) -> None:
    for arguments in (
        ["submit", str(tmp_path / "nothing.yaml")],
        ["show", "nothing"],
        ["show", "../problems"],
        ["report", terminal.submit(), "--html", str(tmp_path / "no" / "folder.html")],
    ):
        code, out, errors = terminal.run(*arguments)
        assert (code, out, len(errors.splitlines())) == (2, "", 1), arguments
    missing = terminal.run("submit", str(tmp_path / "nothing.yaml"))[2]
    assert missing == f"cannot read {tmp_path / 'nothing.yaml'}: no such file\n"
    assert "it is a folder" in terminal.run("submit", str(tmp_path))[2]
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe4")
    assert "no UTF-8 text (byte 6)" in terminal.run("submit", str(tmp_path / "latin.yaml"))[2]
    for arguments, words in (
        (["submit"], "FILE --template is required"),
        (["list", "--limit", "0"], "a whole number from 1 to 200, got '0'"),
        (["list", "--limit", "many"], "a whole number from 1 to 200, got 'many'"),
        (["submit", "x", "--idempotency-key", "schlüssel"], "ASCII characters, got 'schlüssel'"),
        (["party"], "invalid choice"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
        assert words in terminal.output.readouterr().err


def test_a_key_that_is_wrong_or_may_not_is_exit_code_3(
    terminal: Terminal, spec_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("nonsense", terminal.site.keys[Role.VIEWER]):
        monkeypatch.setenv("KBFGS_KEY", key)
        code, out, errors = terminal.run("submit", str(spec_file))
        assert (code, out, len(errors.splitlines())) == (3, "", 1)
    assert terminal.site.service.comparisons.page().items == ()


def test_the_same_word_submits_once(terminal: Terminal, spec_file: Path) -> None:
    ids = {
        json.loads(terminal.run("submit", str(spec_file), "--json", "--idempotency-key", "x")[1])[
            "id"
        ]
        for _ in range(2)
    }
    assert len(ids) == 1
    again = terminal.run("submit", str(spec_file), "--json")[1]
    assert json.loads(again)["id"] not in ids


def test_a_login_link_opens_the_pages(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KBFGS_KEY", terminal.site.keys[Role.ADMIN])
    code, out, _ = terminal.run("login")
    assert code == 0
    assert out.startswith(f"{terminal.url}/login?token=")
    path = out.strip().removeprefix(terminal.url)
    assert terminal.site.asker(None).get(path).headers["location"] == "/"


def test_the_key_that_service_up_leaves_makes_login_links(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = Home(tmp_path)
    key = local_key(terminal.site.service, home.client)
    write_private(home.client, {"url": terminal.url, "key": key})
    monkeypatch.setenv("KBFGS_HOME", str(tmp_path))
    monkeypatch.delenv("KBFGS_URL")
    monkeypatch.delenv("KBFGS_KEY")
    code, out, errors = terminal.run("login")
    assert (code, errors) == (0, "")
    path = out.strip().removeprefix(terminal.url)
    assert terminal.site.asker(None).get(path).headers["location"] == "/"


def test_the_help_documents_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for code in ("0 ", "1 ", "2 ", "3 ", "4 ", "130 "):
        assert f"\n  {code}" in text


def test_a_watched_comparison_survives_a_restart_of_the_web(site: Site) -> None:
    site.asker().post("/v1/comparisons", json=SPEC)
    (view,) = site.service.comparisons.page().items
    display = Notes()
    ended: list[ComparisonView] = []
    with serving(site.service) as url:
        client = Client(url, site.keys[Role.VIEWER], patience=0.0)
        watcher = threading.Thread(
            target=lambda: ended.append(watch(client, view.id, display, poll_seconds=0.02))
        )
        watcher.start()
        assert display.shown.wait(10)
    assert display.missed.wait(10)
    site.service.control.cancel(
        view.id, actor=site.service.keys.authenticate(site.keys[Role.ADMIN])
    )
    with serving(site.service, port=int(url.rsplit(":", 1)[1])):
        watcher.join(timeout=10)
    client.close()
    assert [found.state for found in ended] == [ComparisonState.CANCELLED]


def test_a_service_that_stays_away_is_given_up() -> None:
    client = Client("http://127.0.0.1:1", "a key", patience=0.0)
    display = Notes()
    with pytest.raises(Unreachable):
        watch(client, "anything", display, poll_seconds=0.01, longest_absence=0.05)
    assert display.missed.is_set()


class Notes:
    """A display that notes what it was told."""

    def __init__(self) -> None:
        self.shown = threading.Event()
        self.missed = threading.Event()

    def show(self, view: ComparisonView, phase: str) -> None:
        self.shown.set()

    def away(self, reason: str) -> None:
        self.missed.set()


def test_ctrl_c_leaves_the_comparison_running_and_says_how_to_follow_it(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    comparison = terminal.submit()

    def interrupt(self: Lines, view: ComparisonView, phase: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Lines, "show", interrupt)
    code, out, _ = terminal.run("watch", comparison)
    assert code == 130
    assert f"python -m api.client watch {comparison}" in out
    assert terminal.site.service.comparisons.get(comparison).state is ComparisonState.QUEUED


def test_the_python_client_reads_everything_in_types(terminal: Terminal) -> None:
    with Client.from_environment(os.environ) as client:
        preview = client.preview(SPEC)
        view = client.submit(SPEC)
        assert preview.trials == 4 + 12
        assert client.get(view.id) == view
        assert len(client.studies(view.id)) == 2
        assert {trial.contender for trial in client.trials(view.id, contender="adam")} == {"adam"}
        assert client.metrics(view.id) == ()
        assert [found.id for found in client.comparisons()] == [view.id]
        assert {entry.name for entry in client.optimizers()} >= {"kbfgs", "adam"}
        assert "mnist-5k-autoencoder" in {entry.name for entry in client.problems()}
        with pytest.raises(Refused) as refused:
            client.submit({**SPEC, "seeds": 0})
        assert refused.value.problem.code == "invalid_spec"
        with pytest.raises(NotAllowed):
            client.login_link()


def test_on_a_terminal_every_contender_has_a_bar(terminal: Terminal) -> None:
    comparison = terminal.submit()
    web = terminal.web()
    driver = web.next_study()
    assert driver
    driver.run(driver.assignment.trials[0])
    view = terminal.site.service.comparisons.get(comparison)
    studies = terminal.site.service.comparisons.studies(comparison)
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    with display_on(console) as display:
        display.show(view, phase(view, studies))
        display.away("nobody answers")
        display.show(view, phase(view, studies))
    last = screen.getvalue().split("nobody answers")[-1]
    assert "tuning" in last
    assert f"best loss {numbers.loss(view.contenders[0].best_loss)}" in last
    assert "adam" in last
    driver.http.close()
