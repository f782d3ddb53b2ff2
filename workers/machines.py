"""Whether every machine of the cluster sees the storage that this one writes to."""

import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

READ_SECONDS = 120.0
"""How long the other machines may take to read one file; their first processes start then."""


class StorageNotShared(RuntimeError):
    """A machine of the cluster does not see what another one writes to the storage."""


def check_storage(storage: Path) -> None:
    """Hold that all machines of this job's cluster see the same storage.

    Raises:
        StorageNotShared: Naming those that do not.
    """
    machines = {
        node["NodeID"]: f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
        for node in ray.nodes()
        if node["Alive"]
    }
    if len(machines) > 1:  # this one alone sees what it wrote
        probe(storage, machines, read_on)


def probe(
    storage: Path,
    machines: Mapping[str, str],
    read: Callable[[Iterable[str], Path], Mapping[str, str | None]],
) -> None:
    """Write a file here and read it everywhere; nothing stays of it.

    Args:
        storage: The folder.
        machines: How each machine is called, by its id.
        read: Gives what the file of a path holds on the machines of these ids; None where it is
            not there.

    Raises:
        StorageNotShared: Naming the machines that read something else.
    """
    path, word = storage / f"probe-{uuid.uuid4().hex}", secrets.token_hex(16)
    storage.mkdir(parents=True, exist_ok=True)
    path.write_text(word)
    try:
        found = read(machines, path)
        blind = sorted(name for id_, name in machines.items() if found.get(id_) != word)
    finally:
        path.unlink(missing_ok=True)
    if blind:
        raise StorageNotShared(
            f"KBFGS_STORAGE, {storage}, must be one folder that all machines share, but "
            f"{', '.join(blind)} did not find there what this machine had written"
        )


def read_on(machines: Iterable[str], path: Path) -> dict[str, str | None]:
    """What a file holds on machines of the cluster; all of them read at once."""
    asked = {
        machine: _read.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(machine, soft=False)
        ).remote(str(path))
        for machine in machines
    }
    answered, _ = ray.wait(list(asked.values()), num_returns=len(asked), timeout=READ_SECONDS)
    found: dict[str, str | None] = {}
    for machine, answer in asked.items():
        with suppress(ray.exceptions.RayError):  # a machine that is gone has not read it
            found[machine] = ray.get(answer) if answer in answered else None
    return found


@ray.remote(num_cpus=0)
def _read(path: str) -> str | None:
    with suppress(OSError):
        return Path(path).read_text()
    return None
