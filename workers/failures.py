"""How failures of a trial are told apart: who has to do something about them."""

import traceback
from dataclasses import dataclass

import torch
import torch.distributed as dist

from kbfgs import UnsupportedModelError
from service.contracts.states import FailureKind
from workers.data import DataMissing
from workers.environment import DeviceMissing
from workers.loop import BadSetting
from workers.plugins import PluginBroken
from workers.storage import StorageFailed

MESSAGE_CHARACTERS = 500
_NO_CPU_MEMORY = "DefaultCPUAllocator: can't allocate memory"
"""How torch says it on the CPU; on CUDA it has an exception of its own."""
_GLOO = "gloo/transport"
"""Stands in what gloo says when the process of another rank is gone."""

_BEYOND_SINGLE = "value cannot be converted to type float without overflow"
"""How torch says that a setting, or a product of settings, is infinite in single precision."""


@dataclass(frozen=True)
class Failure:
    """Why a trial failed."""

    kind: FailureKind
    message: str


def classify(error: Exception) -> Failure:
    """The kind of an exception that ended a trial, and a line about it."""
    match error:
        case MemoryError() | torch.OutOfMemoryError():
            kind = FailureKind.OUT_OF_MEMORY
        case BadSetting() | UnsupportedModelError():
            return Failure(FailureKind.BAD_SETTING, str(error)[:MESSAGE_CHARACTERS])
        case DataMissing():
            return Failure(FailureKind.DATA_MISSING, str(error)[:MESSAGE_CHARACTERS])
        case StorageFailed():
            return Failure(FailureKind.LOST_WORKER, str(error)[:MESSAGE_CHARACTERS])
        case PluginBroken() | DeviceMissing():
            return Failure(FailureKind.BUG, str(error)[:MESSAGE_CHARACTERS])
        case dist.DistError():
            kind = FailureKind.LOST_WORKER
        case RuntimeError() if _GLOO in str(error):
            kind = FailureKind.LOST_WORKER
        case RuntimeError() if _BEYOND_SINGLE in str(error):
            kind = FailureKind.BAD_SETTING
        case RuntimeError() if _NO_CPU_MEMORY in str(error):
            kind = FailureKind.OUT_OF_MEMORY
        case _:
            kind = FailureKind.BUG
    last_line = traceback.format_exception_only(error)[-1].strip()
    return Failure(kind, last_line[:MESSAGE_CHARACTERS])
