"""`service plugins` lists what is installed and what is disabled."""

from pathlib import Path

import pytest

from service.__main__ import main
from tests.support.plugin_packages import fresh_package, install, install_entries


def test_each_plugin_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    install_entries(tmp_path, problem="valley", code="raise SystemExit('imported')")
    package = fresh_package()
    install(tmp_path, package, distribution="kbfgs-empty", version="0.3", files={})
    assert main(["plugins"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "kbfgs-walk 1.0: optimizer walk; problem valley",
        f"plug-in kbfgs-empty 0.3 is disabled: its package {package} has no kbfgs_plugin.toml",
    ]
