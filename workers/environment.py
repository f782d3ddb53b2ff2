"""Where a trial runs, as far as its figures depend on it."""

import platform
import socket
import sys
from functools import cache
from pathlib import Path

import torch

import kbfgs
from service.contracts.events import Environment
from workers.revision import own_revision


def describe_environment(
    device: torch.device,
    threads: int,
    plugins: tuple[str, ...] = (),
    *,
    ranks: int = 1,
    data: tuple[str, ...] = (),
) -> Environment:
    """This machine, the device by its model's name, and the versions in use.

    Args:
        device: What trains.
        threads: Of each rank.
        plugins: Those that bring problem and optimizer.
        ranks: How many processes train together.
        data: What the problem is made of.
    """
    return Environment(
        hostname=socket.gethostname(),
        device=_accelerator(device) if device.type == "cuda" else _processor(),
        python=platform.python_version(),
        torch=torch.__version__,
        threads=threads,
        ranks=ranks,
        plugins=plugins,
        instructions=torch.backends.cpu.get_cpu_capability(),
        ray=getattr(sys.modules.get("ray"), "__version__", ""),
        kbfgs=kbfgs.__version__,
        revision=own_revision(),
        data=data,
    )


class DeviceMissing(Exception):
    """A trial was given a GPU that torch cannot use."""


def require_cuda() -> None:
    """Hold that this process has a GPU; nothing that asked for one trains on the CPU instead.

    Raises:
        DeviceMissing: Where it has none.
    """
    if not torch.cuda.is_available():
        raise DeviceMissing(
            f"torch {torch.__version__} finds no CUDA device on {socket.gethostname()}, though the "
            "cluster gave this trial a GPU (resources.gpus)"
        )


def _accelerator(device: torch.device) -> str:
    if not torch.cuda.is_available():
        return "no CUDA device"
    return torch.cuda.get_device_name(device)


@cache
def _processor() -> str:
    """The processor's model, where the system tells it."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
