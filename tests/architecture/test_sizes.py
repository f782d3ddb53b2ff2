"""Files and functions stay small enough to be read in one go."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("kbfgs", "service", "workers", "api", "benchmarks", "examples", "tests")
MAX_FILE_LINES = 350
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 8

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> list[Path]:
    found = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    assert found, "no sources found: this test would pass on anything"
    return found


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


def parameters(function: Function) -> int:
    arguments = function.args
    names = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return len([name for name in names if name.arg not in ("self", "cls")])


@pytest.mark.parametrize("suffix", ["*.py", "*.js", "*.css"])
def test_no_file_outgrows_one_reading(suffix: str) -> None:
    long = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob(suffix):
            lines = len(path.read_text().splitlines())
            if lines > MAX_FILE_LINES:
                long[str(path.relative_to(ROOT))] = lines
    assert not long


def test_no_function_outgrows_a_screen() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{node.name}": node.end_lineno - node.lineno + 1
        for path in sources()
        for node in functions(path)
        if node.end_lineno is not None and node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    }
    assert not long


def test_no_function_takes_more_than_eight_parameters() -> None:
    # An optimizer's constructor takes every option by keyword, as its config does.
    many = {
        f"{path.relative_to(ROOT)}:{node.name}": parameters(node)
        for path in sources()
        for node in functions(path)
        if parameters(node) > MAX_PARAMETERS and node.name != "__init__"
    }
    assert not many


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sources()
        if path.read_text().strip() and ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert not silent


def test_no_junk_drawers() -> None:
    names = {"utils.py", "helpers.py", "common.py", "misc.py"}
    assert not [path for path in sources() if path.name in names]
