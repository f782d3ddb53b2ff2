"""What docs/plugins.md shows is the example that the tests install, letter by letter."""

import re
from pathlib import Path

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
