"""One instance for a folder; what is in the way is said in one line."""

import json
import socket
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from service.__main__ import main
from service.up.errors import CannotStart
from service.up.home import check_port, free_ports, held, write_private
from service.up.ray_head import plan_head
from service.up.ray_node import _LONGEST_SOCKET, short_folder


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    with held(tmp_path / "home") as home:
        assert home.logs.is_dir()
        with pytest.raises(CannotStart, match="another"), held(tmp_path / "home"):
            pass
    with held(tmp_path / "home"):
        pass


def test_a_second_up_on_a_folder_ends_with_2_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KBFGS_HOME", str(tmp_path))
    with held(tmp_path):
        assert main(["up"]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert str(tmp_path) in said.err
    assert not said.out


def test_a_folder_that_cannot_be_written_ends_with_2_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("KBFGS_HOME", str(tmp_path / "file" / "home"))
    assert main(["up"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "KBFGS_HOME" in said


def test_a_port_in_use_ends_with_2_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("KBFGS_HOME", str(tmp_path))
        monkeypatch.setenv("KBFGS_PORT", str(port))
        assert main(["up"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"port {port}" in said
    check_port(port)


def test_a_wrong_setting_ends_with_2_and_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KBFGS_PORT", "0")
    assert main(["up"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "KBFGS_PORT" in said


def test_a_private_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "client.json"
    for key in ("one", "two"):
        write_private(path, {"key": key})
        assert json.loads(path.read_text()) == {"key": key}
        assert path.stat().st_mode & 0o777 == 0o600


def test_free_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20


def test_a_heads_sockets_have_short_paths_however_long_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 60)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    folder = short_folder()
    try:
        session = "session_2026-01-01_00-00-00_000000_4194304"
        assert len(f"{folder}/r/{session}/sockets/plasma_store") <= _LONGEST_SOCKET
    finally:
        folder.rmdir()


def test_a_head_forgets_the_callers_ray_settings(tmp_path: Path) -> None:
    head = plan_head(tmp_path / "token", cpus=3)
    base = {"PATH": "/bin", "RAY_ADDRESS": "10.0.0.1:6379", "HOME": "/nowhere"}
    environment = head.environment(base, root=tmp_path)
    head.remove()
    assert "RAY_ADDRESS" not in environment
    assert environment["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"
    assert environment["RAY_AUTH_MODE"] == "token"
    assert environment["HOME"] == "/nowhere"
    assert "--num-cpus=3" in head.command
    assert len({head.port, head.dashboard_port, head.client_port, head.agent_port}) == 4


def test_a_head_on_an_address_of_its_own_is_found_there_by_other_machines(tmp_path: Path) -> None:
    host = IPv4Address("10.0.0.1")
    head = plan_head(tmp_path / "token", cpus=1, gpus=2, host=host, port=6379)
    head.remove()
    assert (head.address, head.url) == ("10.0.0.1:6379", f"http://10.0.0.1:{head.dashboard_port}")
    given = {"--head", "--node-ip-address=10.0.0.1", "--dashboard-host=10.0.0.1", "--num-gpus=2"}
    assert given <= set(head.command)
    with pytest.raises(
        CannotStart, match=r"KBFGS_HOST: no interface .* has the address 10\.0\.0\.1"
    ):
        head.environment({}, root=tmp_path)


def test_what_a_machine_cannot_join_with_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KBFGS_HOME", str(tmp_path))
    assert main(["join", "10.0.0.1:6379"]) == 2
    assert "set KBFGS_HOST to the address by which the others reach" in capsys.readouterr().err
    monkeypatch.setenv("KBFGS_HOST", "10.0.0.2")
    assert main(["join", "10.0.0.1:6379"]) == 2
    assert f"{tmp_path}/ray_token is missing" in capsys.readouterr().err
    (tmp_path / "ray_token").write_text("sesame-sesame-sesame")
    assert main(["join", "10.0.0.1:6379"]) == 2
    assert "no interface of this machine has the address 10.0.0.2" in capsys.readouterr().err


def test_jobs_see_neither_the_secret_nor_the_databases_password(tmp_path: Path) -> None:
    head = plan_head(tmp_path / "token", cpus=1)
    head.remove()
    base = {"KBFGS_SECRET": "s", "KBFGS_DATABASE_URL": "postgresql://u:p@h/d", "KEPT": "yes"}
    environment = head.environment(base, root=tmp_path)
    assert not [name for name in environment if name.startswith("KBFGS_")]
    assert environment["KEPT"] == "yes"


def test_ray_writes_inside_of_a_folder_that_nobody_else_can_enter(tmp_path: Path) -> None:
    head = plan_head(tmp_path / "token", cpus=1)
    try:
        assert f"--temp-dir={head.node.folder}/r" in head.command
        assert head.node.folder.stat().st_mode & 0o777 == 0o700
    finally:
        head.remove()
