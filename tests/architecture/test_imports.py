"""What importing a package loads: light parts stay light."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
PROBE = """
import importlib, json, sys
importlib.import_module({!r})
print(json.dumps(list(sys.modules)))
"""


def loaded_by(module: str) -> set[str]:
    run = subprocess.run(
        [sys.executable, "-c", PROBE.format(module)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(run.stdout))


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("service.contracts.spec", {"sqlalchemy", "torch", "ray", "fastapi", "numpy"}),
        ("service.contracts.catalogue", {"sqlalchemy", "torch", "ray", "fastapi", "numpy"}),
        ("service.bootstrap", {"torch", "ray", "fastapi", "matplotlib", "pyarrow"}),
        ("api.app", {"torch", "ray", "matplotlib", "pyarrow"}),
        ("service.exports.data.tensorboard", {"torch", "pyarrow", "numpy"}),
        ("api.client", {"torch", "ray", "fastapi", "sqlalchemy", "jinja2"}),
        ("workers.data", {"torch", "ray", "scipy", "httpx", "rich"}),
        ("kbfgs", {"pydantic", "ray", "sqlalchemy", "fastapi"}),
    ],
)
def test_importing_stays_light(module: str, heavy: set[str]) -> None:
    assert not loaded_by(module) & heavy


def test_the_catalogue_and_the_factories_name_the_same_things() -> None:
    from service.contracts.catalogue import built_in
    from workers.optimizers import FACTORIES as OPTIMIZER_FACTORIES
    from workers.problems import FACTORIES as PROBLEM_FACTORIES

    catalogue = built_in()
    assert {entry.name for entry in catalogue.optimizers} == set(OPTIMIZER_FACTORIES)
    assert {entry.name for entry in catalogue.problems} == set(PROBLEM_FACTORIES)
