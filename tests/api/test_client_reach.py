"""Whatever a person may ask over REST, a command asks; and a shell completes each of them."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from api.client.__main__ import parser
from api.client.completion import script
from api.client.grammar import Command, commands_of
from service.domain.records import Role
from tests.support.api_site import SPEC, Site
from tests.support.terminal import Terminal, terminal_on
from tests.support.web_service import WebService

NOT_FOR_PEOPLE = {"drivers", "health", "reference"}
"""Tags of what programs ask: drivers, Prometheus and watchdogs, readers of the reference."""
SAID = """
preview {file} | list | show {id} | studies {id} | trials {id} | metrics {id} | logs {id}
report {id} | events {id} | edit {id} --priority 3 | extend {id} --seeds 7 --contenders {more}
export {id} --output {data}
pause {id} --trial 0 | resume {id} --trial 0 | cancel {id} --trial 0
pause {id} --contender adam | resume {id} --contender adam | cancel {id} --contender adam
pause {id} | resume {id} | clone {id} | cancel {id} | delete {id}
problems | optimizers | templates | workers | me | audit | login
capsule {finished} --output {capsule} | submit {capsule}
compare {finished} {finished}
webhooks add https://hook.example/ | webhooks list | webhooks remove {webhook}
keys create ci | keys list | keys revoke {key}
"""
"""A session at the command line; what has finished was played before."""


@pytest.fixture
def admin(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Terminal]:
    with terminal_on(site, Role.ADMIN, output=capsys, patch=monkeypatch) as opened:
        yield opened


def finished(web: WebService) -> str:
    """The id of a comparison that a played driver has run to its end."""
    comparison_id = web.submit(contenders=[{"optimizer": "adam"}], tuning={"trials": 1}, seeds=1)
    while driver := web.next_study():
        for trial in driver.assignment.trials:
            driver.run(trial)
        driver.end()
    return comparison_id


def leaves() -> list[Command]:
    return [one for one in commands_of(parser()) if not one.is_group]


def test_every_route_for_people_is_asked_by_a_command_that_prints_json(
    admin: Terminal, tmp_path: Path
) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(yaml.safe_dump(SPEC))
    more = tmp_path / "more.yaml"
    more.write_text("- {optimizer: soap}\n")
    known = {
        "file": str(file),
        "data": str(tmp_path / "data.zip"),
        "more": str(more),
        "capsule": str(tmp_path / "capsule.json"),
        "finished": finished(admin.web()),
        "id": json.loads(admin.command("submit", str(file), "--json"))["id"],
    }
    for line in SAID.replace("\n", "|").split("|"):
        words = line.format_map(Waiting(known)).split()
        if not words:
            continue
        out = admin.command(*words, "--json")
        answer = (
            [json.loads(row) for row in out.splitlines()] if words[0] in LINES else json.loads(out)
        )
        if words[:2] == ["webhooks", "add"]:
            known["webhook"] = answer["id"]
        if words[:2] == ["keys", "create"]:
            known["key"] = answer["key"]["id"]
    wanted = for_people(admin.site)
    assert ("GET", "/v1/templates") in wanted
    assert wanted - asked(admin) == {("GET", "/v1/comparisons/{comparison_id}/events")}, (
        "the stream is for those who stay"
    )


LINES = ("events", "logs")
"""Commands that print a document a line."""


class Waiting(dict[str, str]):
    """What is not known yet stands for itself."""

    def __missing__(self, name: str) -> str:
        return name


def for_people(site: Site) -> set[tuple[str, str]]:
    return {
        (method, route.path)
        for route in site.app.state.api_routes
        if route.include_in_schema and not NOT_FOR_PEOPLE & set(route.tags)
        for method in route.methods
    }


def asked(terminal: Terminal) -> set[tuple[str, str]]:
    """The routes that the server counted a good answer of."""
    headers = {"Authorization": f"Bearer {terminal.site.keys[Role.ADMIN]}"}
    told = httpx.get(f"{terminal.url}/metrics", headers=headers).text
    return {
        (sample.labels["method"], sample.labels["route"])
        for family in text_string_to_metric_families(told)
        for sample in family.samples
        if sample.name == "kbfgs_http_request_seconds_count" and sample.labels["status"] < "300"
    }


def test_every_command_has_json() -> None:
    without = {one.path for one in leaves() if "--json" not in [o.name for o in one.options]}
    assert without == {"completion"}


def test_the_session_has_every_command() -> None:
    said = {" ".join(line.split()) for line in SAID.replace("\n", "|").split("|")}
    for command in leaves():
        assert command.path in {"submit", "watch", "completion"} or any(
            f"{line} ".startswith(f"{command.path} ") for line in said
        ), command.path


def completed(*words: str, listed: str = "") -> list[str]:
    """What bash offers for the last of the words."""
    typed = " ".join(f"'{word}'" for word in ("kbfgs", *words))
    probe = (
        f"{script('bash', parser())}\nkbfgs() {{ echo {listed}; }}\n"
        f'COMP_WORDS=({typed}); COMP_CWORD={len(words)}; _kbfgs; echo "${{COMPREPLY[@]}}"'
    )
    ran = subprocess.run(["bash", "-c", probe], capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    return ran.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["webh"], ["webhooks"]),
        (["webhooks", "re"], ["remove"]),
        (["keys", "create", "--r"], ["--role"]),
        (["keys", "create", "--role", "a"], ["admin"]),
        (["list", "--state", "canc"], ["cancelling", "cancelled"]),
        (["list", "--name", ""], []),
        (["list", "--name", "keys", "--i"], ["--ids"]),
        (["submit", ""], []),
        (["submit", "--w"], ["--wait"]),
        (["cancel", ""], ["kq3", "mx7"]),
        (["cancel", "kq3", "--tr"], ["--trial"]),
        (["completion", "f"], ["fish"]),
    ],
)
def test_bash_completes_commands_options_and_ids(words: list[str], offered: list[str]) -> None:
    assert completed(*words, listed="kq3 mx7") == offered


def test_fish_is_told_of_every_command_and_option() -> None:
    text = script("fish", parser())
    for command in commands_of(parser()):
        at = f"-n '__kbfgs_at {command.path}".rstrip()
        lines = [line for line in text.splitlines() if f"{at}' " in line]
        assert len(lines) == len(command.parts) + len(command.options) + ("ID" in command.arguments)


def test_completion_needs_no_service(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KBFGS_URL", "http://127.0.0.1:1")
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["completion", "zsh"])
    assert ended.value.code == 0
    assert "bashcompinit" in capsys.readouterr().out
