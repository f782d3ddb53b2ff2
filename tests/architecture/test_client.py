"""The client runs where its own group of dependencies is installed, and nothing else."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = {"pyyaml": "yaml"}
"""What is imported under another name than it is installed."""
WITH_PYDANTIC = {"pydantic_core"}
OURS = {"api", "service"}


def imported(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module


def test_it_imports_its_own_dependencies_and_contracts_alone() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    names = [re.split(r"[<>=\[]", given)[0] for given in groups["client"]]
    allowed = {MODULES.get(name, name) for name in names} | WITH_PYDANTIC | OURS
    modules = {*imported(ROOT / "api" / "client"), *imported(ROOT / "service" / "contracts")}
    foreign = {name.split(".")[0] for name in modules} - set(sys.stdlib_module_names)
    assert foreign - allowed == set()
    of_ours = {name for name in modules if name.split(".")[0] in OURS}
    assert all(name.startswith(("api.client", "service.contracts")) for name in of_ours)


def test_the_contract_names_every_other_part_of_the_web() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = [
        one for one in contracts["contracts"] if one.get("source_modules") == ["api.client"]
    ]
    parts = {f"api.{path.stem}" for path in (ROOT / "api").iterdir() if path.stem[:1].isalpha()}
    assert parts - {"api.client"} <= set(contract["forbidden_modules"])
