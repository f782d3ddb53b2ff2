"""Checks on tensors that do not make the CPU wait for a GPU."""

from __future__ import annotations

from torch import Tensor

from kbfgs.errors import KBFGSError

READ_EVERY_STEPS = 50


class DeferredChecks:
    """Raises at once for tensors on the CPU, and at the next `read` for tensors elsewhere."""

    def __init__(self) -> None:
        self._pending: dict[type[KBFGSError], tuple[Tensor, str]] = {}

    def require(self, condition: Tensor, error: type[KBFGSError], message: str) -> None:
        """Raise `error(message)`, now or later, unless the boolean scalar is True."""
        if condition.device.type == "cpu":
            if not condition:
                raise error(message)
            return
        failed = ~condition
        if error in self._pending:
            failed = failed | self._pending[error][0]
        self._pending[error] = (failed, message)

    def read(self) -> None:
        """Wait for the device and raise what has failed since the last call."""
        pending, self._pending = self._pending, {}
        for error, (failed, message) in pending.items():
            if failed:
                raise error(f"{message} (within the last {READ_EVERY_STEPS} steps)")
