"""The most memory that a trial takes, also where its process trains one trial after another."""

import gc
from pathlib import Path
from typing import NamedTuple

import torch

_FORGET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_FORGET_THE_PEAK = "5"
_PEAK = "VmHWM:"


def set_imports_apart() -> None:
    """Leave what is there now, libraries above all, out of collections, which then take little.

    Called once in a process, after its imports and before anything that is to be let go of.
    """
    gc.collect()
    gc.freeze()


class Peaks(NamedTuple):
    """Bytes; 0 where they are not known."""

    process: int = 0
    """Resident in main memory."""
    device: int = 0
    """Of tensors on the GPU."""

    def or_more(self, *others: "Peaks") -> "Peaks":
        """The larger ones."""
        return Peaks(*map(max, zip(self, *others, strict=True)))


class PeakMemory:
    """The most that this process took since this was made.

    What an earlier trial left in cycles of references is collected first, and on a device what its
    allocator kept; what the allocator of main memory kept stays in it.

    A process's high-water mark never falls by itself, so it is set back; where the system does
    not allow that, what earlier trials took would be in it, and it counts as not known.

    Args:
        device: Where tensors are.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        gc.collect()
        self._known = _forget_peak()
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)

    def read(self) -> Peaks:
        """The most so far."""
        on_device = self._device.type == "cuda"
        return Peaks(
            process=_peak() if self._known else 0,
            device=torch.cuda.max_memory_allocated(self._device) if on_device else 0,
        )


def _forget_peak() -> bool:
    try:
        _FORGET.write_text(_FORGET_THE_PEAK, encoding="ascii")
    except OSError:
        return False
    return _peak() > 0


def _peak() -> int:
    """The process's high-water mark, in bytes."""
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(_PEAK):
            return int(line.removeprefix(_PEAK).split()[0]) * 1024
    return 0
