"""Plug-ins as pip would have installed them: a package, its data file, its metadata."""

import itertools
from collections.abc import Mapping
from pathlib import Path

from service.contracts.catalogue.discovery import FILE, GROUP

_number = itertools.count()

OPTIMIZER = """
[[optimizers]]
name = "{name}"
title = "Walker"
summary = "Walks."
reference = "None"
factory = "{package}.code:build"
settings = [{{name = "lr", kind = "float", default = 0.1, above = 0, summary = "Learning rate."}}]
space = {{lr = {{log = [0.01, 1.0]}}}}
"""
PROBLEM = """
[[problems]]
name = "{name}"
title = "Valley"
summary = "Has a bottom."
reference = "None"
factory = "{package}.code:Valley"
batch_size = 10
epochs = 2
training_rows = 20
test_rows = 10
selection_metric = "train_loss"
loss = "Its height."
divergence_loss = 1e4
"""


def fresh_package() -> str:
    """A package's name that no other test has imported."""
    return f"fake_plugin_{next(_number)}"


def data_file(package: str, *, optimizer: str | None = "walk", problem: str | None = None) -> str:
    """A data file with these entries."""
    text = "schema_version = 1\n"
    if optimizer is not None:
        text += OPTIMIZER.format(package=package, name=optimizer)
    if problem is not None:
        text += PROBLEM.format(package=package, name=problem)
    return text


def install(
    site: Path,
    package: str,
    *,
    distribution: str = "kbfgs-walk",
    version: str = "1.0",
    entry_points: str | None = None,
    files: Mapping[str, str | bytes],
    folder: Path | None = None,
) -> None:
    """Put a plug-in where Python finds it.

    Args:
        site: The folder on the path that gets the metadata.
        package: The package that the entry point names.
        distribution: What the plug-in is called.
        version: Its version.
        entry_points: The text of entry_points.txt, instead of the right one.
        files: What lies in the package, beside an ``__init__.py`` that may not be run.
        folder: Where the package lies, if not in ``site``: an editable installation.
    """
    metadata = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
    )
    points = entry_points or f"[{GROUP}]\nthis = {package}\n"
    (metadata / "entry_points.txt").write_text(points)
    where = (folder or site) / package
    where.mkdir(parents=True, exist_ok=True)
    for name, content in {"__init__.py": "", **files}.items():
        (where / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def install_entries(
    site: Path,
    *,
    distribution: str = "kbfgs-walk",
    optimizer: str | None = "walk",
    problem: str | None = None,
    code: str = "",
) -> str:
    """Put a plug-in with a good data file there, and this as its code; its package's name."""
    package = fresh_package()
    files = {FILE: data_file(package, optimizer=optimizer, problem=problem), "code.py": code}
    install(site, package, distribution=distribution, files=files)
    return package
