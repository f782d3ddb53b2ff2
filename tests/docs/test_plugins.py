"""What docs/plugins.md shows is the example that the tests install, letter by letter."""

import re
from pathlib import Path

import pytest

from service.contracts.catalogue.plugins import OptimizerTable, ProblemTable
from service.contracts.catalogue.setting import Setting

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "plugin"


def test_the_files_that_are_shown_are_the_examples_own() -> None:
    text = (ROOT / "docs/plugins.md").read_text()
    shown = re.findall(r"```(?:toml|python)\n(.*?)```", text, re.DOTALL)
    package = EXAMPLE / "kbfgs_plugin_example"
    files = [
        EXAMPLE / "pyproject.toml",
        package / "kbfgs_plugin.toml",
        package / "lion.py",
        package / "sine.py",
    ]
    assert shown == [path.read_text() for path in files]


@pytest.mark.parametrize("model", [OptimizerTable, ProblemTable, Setting])
def test_every_field_that_a_file_may_have_is_described(model: type) -> None:
    text = (ROOT / "docs/plugins.md").read_text()
    (fields,) = re.findall(r"^## The file$(.*?)^## ", text, re.DOTALL | re.MULTILINE)
    described = set(re.findall(r"`([a-z_]+)`", fields))
    not_to_be_given = {"plugin", "metrics"}
    assert not set(model.model_fields) - described - not_to_be_given
