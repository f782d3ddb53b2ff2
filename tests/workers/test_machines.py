"""A storage that some machine does not share is found out before anything is trained."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from workers.machines import StorageNotShared, probe

MACHINES = {"a": "first (10.0.0.1)", "b": "second (10.0.0.2)", "c": "third (10.0.0.3)"}


def test_a_file_that_all_machines_read_is_gone_afterwards(tmp_path: Path) -> None:
    asked = []

    def read(machines: Iterable[str], path: Path) -> dict[str, str | None]:
        asked.extend(machines)
        return dict.fromkeys(machines, path.read_text())

    probe(tmp_path / "storage", MACHINES, read)
    assert asked == list(MACHINES)
    assert list((tmp_path / "storage").iterdir()) == []


@pytest.mark.parametrize("found", [None, "", "another storage's words"])
def test_machines_that_read_something_else_are_named(tmp_path: Path, found: str | None) -> None:
    def read(machines: Iterable[str], path: Path) -> dict[str, str | None]:
        return {machine: path.read_text() if machine == "b" else found for machine in machines}

    with pytest.raises(StorageNotShared) as refused:
        probe(tmp_path, MACHINES, read)
    assert str(refused.value).endswith(
        "must be one folder that all machines share, but first (10.0.0.1), third (10.0.0.3) did "
        "not find there what this machine had written"
    )
    assert list(tmp_path.iterdir()) == []
