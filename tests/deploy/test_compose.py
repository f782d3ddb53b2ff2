"""docker-compose.yml runs what exists: schema, commands, flags, variables, published ports."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
VARIABLE = re.compile(r"\$\{([A-Z_]+)")


def services() -> dict[str, dict[str, object]]:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    assert services
    return services


def command(name: str) -> list[str]:
    found = services()[name].get("command", [])
    assert isinstance(found, list)
    return [re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", str(word)) for word in found]


def environment() -> dict[str, str]:
    merged: dict[str, str] = {}
    for service in services().values():
        given = service.get("environment", {})
        assert isinstance(given, dict)
        merged |= given
    return merged


def binary(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.process
def test_it_meets_the_compose_specification() -> None:
    checked = run(
        binary("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(COMPOSE)
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.process
@pytest.mark.parametrize("name", ["migrate", "web", "dispatcher"])
def test_its_python_commands_exist_with_their_flags(name: str) -> None:
    python, dash_m, module, subcommand, *arguments = command(name)
    assert (python, dash_m) == ("python", "-m")
    asked = run(sys.executable, "-m", module, subcommand, "--help")
    assert asked.returncode == 0, asked.stderr
    for flag in (word for word in arguments if word.startswith("--")):
        assert flag in asked.stdout


@pytest.mark.process
@pytest.mark.parametrize("name", ["ray-head", "ray-worker"])
def test_its_ray_commands_exist_with_their_flags(name: str) -> None:
    ray, subcommand, *arguments = command(name)
    asked = run(binary(ray), subcommand, "--help")
    assert asked.returncode == 0, asked.stderr
    for flag in (word.split("=")[0] for word in arguments):
        assert flag in asked.stdout


def test_the_variables_of_the_service_are_settings() -> None:
    from service.settings import Settings

    known = {f"KBFGS_{name.upper()}" for name in Settings.model_fields}
    given = {name for name in environment() if name.startswith("KBFGS_")}
    assert given
    assert given <= known


@pytest.mark.process
def test_the_variables_of_ray_are_known_to_ray() -> None:
    import ray

    given = [name for name in environment() if name.startswith("RAY_")]
    assert given
    for name in given:
        bare = name.removeprefix("RAY_")
        found = subprocess.run(
            ["grep", "-rqa", bare, os.path.dirname(ray.__file__)], check=False
        ).returncode
        assert found == 0, f"ray knows no {name}"


def test_every_variable_that_it_takes_is_in_the_example_file() -> None:
    example = (ROOT / "deploy/docker/env.example").read_text()
    offered = set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    secrets = yaml.safe_load(COMPOSE.read_text())["secrets"].values()
    taken = set(VARIABLE.findall(COMPOSE.read_text())) | {one["environment"] for one in secrets}
    assert taken == offered


@pytest.mark.parametrize("name", ["ray-head", "ray-worker"])
def test_every_folder_that_drivers_are_told_is_mounted_where_they_run(name: str) -> None:
    mounts = services()[name]["volumes"]
    assert isinstance(mounts, list)
    modes = {target: mode for _, target, mode in (split_mount(mount) for mount in mounts)}
    told = {environment()[f"KBFGS_{place}"] for place in ("STORAGE", "DATA", "DATA_CACHE")}
    assert told == set(modes)
    assert modes[environment()["KBFGS_DATA"]] == "ro"
    image = (ROOT / "deploy/docker/worker.Dockerfile").read_text()
    made = re.findall(r"/var/lib/kbfgs/\w+", image)
    assert {target for target, mode in modes.items() if mode == "rw"} == set(made)


def split_mount(mount: str) -> tuple[str, str, str]:
    """Source, target and mode of a mount in the short form."""
    found = re.fullmatch(r"(\$\{.*\}|[^:]+):([^:]+)(?::(ro))?", mount)
    assert found, mount
    return found[1], found[2], found[3] or "rw"


def test_ray_and_the_database_are_published_nowhere() -> None:
    published = {
        name: service["ports"] for name, service in services().items() if "ports" in service
    }
    assert list(published) == ["web", "grafana"]
    ports = [port for given in published.values() for port in given]  # type: ignore[attr-defined]
    assert all(str(port).startswith("127.0.0.1:") for port in ports)


def test_the_processes_are_those_of_service_up_and_a_database() -> None:
    always = {name for name, service in services().items() if "profiles" not in service}
    assert always == {
        "database", "migrate", "web", "dispatcher", "ray-head", "ray-worker"
    }  # fmt: skip


@pytest.mark.parametrize("dockerfile", ["control.Dockerfile", "worker.Dockerfile"])
def test_what_the_images_copy_and_install_exists(dockerfile: str) -> None:
    text = (ROOT / "deploy/docker" / dockerfile).read_text()
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    sources = [line.split()[:-1] for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE)]
    assert sources
    assert all((ROOT / source).exists() for line in sources for source in line)
    asked = re.findall(r"--group (\w+)", text)
    assert asked
    assert set(asked) <= set(groups)
