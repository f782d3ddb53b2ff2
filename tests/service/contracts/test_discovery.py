"""Plug-ins are found among the installed packages, and none of them is imported."""

import logging
import sys
from pathlib import Path

import pytest

from service.contracts.catalogue import built_in, installed, look
from service.contracts.catalogue.discovery import FILE, GROUP
from tests.support.plugin_packages import data_file, fresh_package, install, install_entries

NEVER_RUN = "raise SystemExit('the package was imported')"
BUILT_IN = {entry.name for entry in built_in().optimizers}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path / "site"


def optimizers() -> set[str]:
    return {entry.name for entry in installed().optimizers}


def test_its_entries_are_there_without_importing_it(site: Path) -> None:
    package = fresh_package()
    install(site, package, files={FILE: data_file(package), "__init__.py": NEVER_RUN})
    assert optimizers() == BUILT_IN | {"walk"}
    assert package not in sys.modules


def test_an_editable_installation_counts(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path / "checkout")
    package = fresh_package()
    install(site, package, files={FILE: data_file(package)}, folder=tmp_path / "checkout")
    assert "walk" in optimizers()


def broken(package: str) -> list[tuple[dict[str, object], str]]:
    good = data_file(package)
    return [
        ({"files": {}}, f"its package {package} has no {FILE}"),
        ({"files": {FILE: "schema_version = "}}, "not TOML: Invalid value"),
        ({"files": {FILE: b"\xff\xfe"}}, f"{FILE} is not text in UTF-8"),
        ({"files": {FILE: good.replace("factory", "factor")}}, "optimizers[0].factory: Field"),
        ({"files": {FILE: good + "colour = 1"}}, "optimizers[0].colour: unknown field"),
        ({"files": {FILE: good.replace("walk", "adam")}}, "optimizer 'adam' is built in already"),
        (
            {"files": {}, "entry_points": f"[{GROUP}]\nx = not_there_at_all\n"},
            "its package not_there_at_all is not there",
        ),
        (
            {"files": {FILE: good}, "entry_points": f"[{GROUP}]\nx = {package}.code:build\n"},
            "its entry point must name a top-level package, got ",
        ),
        (
            {"files": {FILE: good}, "entry_points": f"[{GROUP}]\nno equals sign\n"},
            "its entry_points.txt cannot be read",
        ),
    ]


@pytest.mark.parametrize("case", range(len(broken(""))))
def test_a_broken_plugin_is_one_line_in_the_log_and_all_other_names_stay(
    site: Path, caplog: pytest.LogCaptureFixture, case: int
) -> None:
    package = fresh_package()
    how, reason = broken(package)[case]
    install(site, package, distribution="a-broken-one", **how)
    install_entries(site, distribution="b-good-one")
    with caplog.at_level(logging.WARNING):
        assert optimizers() == BUILT_IN | {"walk"}
    (line,) = caplog.messages
    assert line.startswith(f"plug-in a-broken-one 1.0 is disabled: {reason}")
    assert package not in sys.modules


def test_of_two_that_bring_a_name_the_first_by_name_has_it_in_any_order_of_the_path(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_entries(site, distribution="kbfgs-b")
    install_entries(tmp_path / "other", distribution="kbfgs-a")
    for last in ("other", "site"):
        monkeypatch.syspath_prepend(tmp_path / last)
        found = look()
        assert [plugin.distribution for plugin in found.plugins] == ["kbfgs-a"]
        assert [plugin.distribution for plugin in found.disabled] == ["kbfgs-b"]


def test_an_older_copy_further_down_the_path_does_not_count(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_entries(site)
    package = fresh_package()
    files = {FILE: data_file(package, optimizer="run")}
    install(tmp_path / "newer", package, version="2.0", files=files)
    monkeypatch.syspath_prepend(tmp_path / "newer")
    assert [str(plugin) for plugin in look().plugins] == ["kbfgs-walk 2.0: optimizer run"]


def test_what_a_broken_uninstallation_left_is_passed_over(site: Path) -> None:
    (site / "gone-1.0.dist-info").mkdir(parents=True)
    (site / "gone-1.0.dist-info/entry_points.txt").write_text(f"[{GROUP}]\nx = gone\n")
    (site / "odd-1.0.dist-info").mkdir()
    (site / "odd-1.0.dist-info/entry_points.txt").write_bytes(b"\xff")
    assert optimizers() == BUILT_IN
