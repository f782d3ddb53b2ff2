"""Autocast is for the closure: the method's own arithmetic keeps the weights' dtype."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch.amp.autocast_mode import is_autocast_available

P = ParamSpec("P")
R = TypeVar("R")


def autocast_off(kind: str) -> AbstractContextManager[object]:
    """Inside, no operation on devices of this kind is cast."""
    return torch.autocast(kind, enabled=False) if is_autocast_available(kind) else nullcontext()


def keeps_precision(step: Callable[P, R]) -> Callable[P, R]:
    """Run an optimizer's step with autocast off, and its closures as autocast stood outside."""

    @wraps(step)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        optimizer: Any = args[0]
        kind = optimizer.param_groups[0]["params"][0].device.type
        if not (is_autocast_available(kind) and torch.is_autocast_enabled(kind)):
            return step(*args, **kwargs)
        dtype = torch.get_autocast_dtype(kind)
        values: list[Any] = [_with_autocast(value, kind, dtype) for value in args[1:]]
        named: dict[str, Any] = {k: _with_autocast(v, kind, dtype) for k, v in kwargs.items()}
        with autocast_off(kind):
            return step(optimizer, *values, **named)

    return run


def _with_autocast(closure: Any, kind: str, dtype: torch.dtype) -> Any:
    if closure is None:
        return None

    def run() -> Any:
        with torch.autocast(kind, dtype=dtype):
            result = closure()
        # The casts of the weights are kept until the outermost autocast ends, but they will move.
        torch.clear_autocast_cache()
        return result

    return run
