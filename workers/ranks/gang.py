"""Processes on this machine that train one trial after another together."""

import logging
import multiprocessing
import os
import shutil
import tempfile
import time
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path

import torch
import torch.distributed as dist

from workers.context import TrialFolder, TrialPlan
from workers.ranks.group import GLOO, NCCL_TOO, Group
from workers.ranks.training import EVENTS, RankFailed, Tell, cause, train
from workers.trial import Trial

GRACE_SECONDS = 5.0
"""After one rank's failure the others have so long to say why they failed."""
END_SECONDS = 10.0
Message = tuple[str, str]
"""``told``, ``failed`` or ``done``, and events as JSON."""


class GangLost(Exception):
    """A process of the gang is gone without a word."""


class Gang:
    """Ranks that stay between trials, so that one of them pays for start and imports alone.

    They meet through a file, so that nothing listens but gloo, on the loopback.

    Args:
        size: How many.
        use_gpu: Whether each has a GPU of its own, of its own number.
    """

    def __init__(self, size: int, *, use_gpu: bool) -> None:
        self.size, self.use_gpu = size, use_gpu
        self._meeting = Path(tempfile.mkdtemp(prefix="kbfgs-ranks-"))
        context = multiprocessing.get_context("spawn")
        self._connections: list[Connection] = []
        self._processes = []
        for rank in range(size):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve,
                args=(theirs, str(self._meeting / "store"), rank, size),
                kwargs={"use_gpu": use_gpu},
                daemon=True,
            )
            process.start()
            theirs.close()
            self._connections.append(ours)
            self._processes.append(process)

    @property
    def pids(self) -> list[int | None]:
        """The processes, in the order of their ranks."""
        return [process.pid for process in self._processes]

    def train(self, plan: TrialPlan, folder: TrialFolder, tell: Tell) -> None:
        """Train a trial to its end; after an exception the gang is closed.

        Args:
            plan: The trial.
            folder: Where it keeps what outlives its processes.
            tell: Takes events as they happen.

        Raises:
            GangLost: If a process is gone; the trial can go on from its checkpoint.
            RankFailed: If a rank failed; it has what was not told yet.
        """
        with suppress(OSError):  # one that is gone shows itself by its silence
            for connection in self._connections:
                connection.send((plan.model_dump_json(), str(folder.path)))
        failures = self._hear(tell)
        if not failures:
            return
        self.close()
        found = cause([f for _, f in sorted(failures.items()) if f is not None])
        if found is not None:
            raise found
        silent = [str(rank) for rank, failure in sorted(failures.items()) if failure is None]
        raise GangLost(f"rank {', '.join(silent) or '?'} of {self.size} is gone")

    def close(self) -> None:
        """End the processes; none is left afterwards."""
        for connection in self._connections:
            connection.close()  # they end when they have read that
        until = time.monotonic() + END_SECONDS
        for process in self._processes:
            process.join(max(until - time.monotonic(), 0))
            if process.is_alive():
                process.kill()
                process.join()
        shutil.rmtree(self._meeting, ignore_errors=True)

    def _hear(self, tell: Tell) -> dict[int, RankFailed | None]:
        """Hand on what the ranks tell until all are done; the failures, None for silent ones."""
        failures: dict[int, RankFailed | None] = {}
        waiting = dict(enumerate(self._connections))
        patience: float | None = None
        while waiting and (patience is None or time.monotonic() < patience):
            ready = wait(list(waiting.values()), timeout=None if patience is None else 0.1)
            for rank in [r for r, connection in waiting.items() if connection in ready]:
                kind, text = _read(waiting[rank])
                if kind == "told":
                    tell(EVENTS.validate_json(text))
                    continue
                del waiting[rank]
                if kind != "done":
                    failures[rank] = RankFailed(text) if kind == "failed" else None
                    patience = patience or time.monotonic() + GRACE_SECONDS
        for rank in waiting:  # they hang, because another rank is gone
            self._processes[rank].kill()
        return failures


def _read(connection: Connection) -> Message:
    try:
        message: Message = connection.recv()
    except (EOFError, OSError):
        return "gone", ""
    return message


def _serve(orders: Connection, store: str, rank: int, size: int, *, use_gpu: bool) -> None:
    """Train what comes until nothing comes any more."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    if use_gpu:
        torch.cuda.set_device(rank)
    dist.init_process_group(
        NCCL_TOO if use_gpu else GLOO, init_method=f"file://{store}", rank=rank, world_size=size
    )
    ranks = Group()

    def tell(events: object) -> None:
        if rank == 0:
            orders.send(("told", EVENTS.dump_json(tuple(events)).decode()))  # type: ignore[arg-type]

    with suppress(EOFError, OSError):  # whoever asked is gone
        while True:
            plan, folder = orders.recv()
            trial = Trial(
                TrialPlan.model_validate_json(plan), TrialFolder(Path(folder)), ranks=ranks
            )
            try:
                train(trial, ranks, tell)
            except RankFailed as failure:
                orders.send(("failed", failure.told))
                break
            orders.send(("done", ""))
    # gloo's threads race with the interpreter's end, and the others must not wait for this one.
    os._exit(0)
