"""Whether every machine of the cluster sees the storage that this one writes to."""

import secrets
import uuid
from collections.abc import Callable, Mapping
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


def probe(storage: Path, machines: Mapping[str, str], read: Callable[..., str | None]) -> None:
    """Write a file here and read it everywhere; nothing stays of it.

    Args:
        storage: The folder.
        machines: How each machine is called, by its id.
        read: Gives what the file of a path holds on the machine of an id; None where it is not
            there.

    Raises:
        StorageNotShared: Naming the machines that read something else.
    """
    path, word = storage / f"probe-{uuid.uuid4().hex}", secrets.token_hex(16)
    storage.mkdir(parents=True, exist_ok=True)
    path.write_text(word)
    try:
        blind = sorted(name for id_, name in machines.items() if read(id_, path) != word)
    finally:
        path.unlink(missing_ok=True)
    if blind:
        raise StorageNotShared(
            f"KBFGS_STORAGE, {storage}, must be one folder that all machines share, but "
            f"{', '.join(blind)} did not find there what this machine had written"
        )


def read_on(machine: str, path: Path) -> str | None:
    """What a file holds on another machine of the cluster."""
    strategy = NodeAffinitySchedulingStrategy(machine, soft=False)
    with suppress(ray.exceptions.RayError):  # a machine that is gone or full has not read it
        found: str | None = ray.get(
            _read.options(scheduling_strategy=strategy).remote(str(path)), timeout=READ_SECONDS
        )
        return found
    return None


@ray.remote(num_cpus=0)
def _read(path: str) -> str | None:
    with suppress(OSError):
        return Path(path).read_text()
    return None
