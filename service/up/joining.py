"""This machine as one more of a cluster whose head runs on another one."""

import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

from service.settings import Settings
from service.up import leftovers
from service.up.child import Child, Program, remember_together
from service.up.ending import told_to_end
from service.up.errors import CannotStart
from service.up.home import Home, held
from service.up.ray_node import RayNode, short_folder

ROOT = Path(__file__).parents[2]
_LOOK_EVERY = 0.25
_REMEMBER_EVERY = 2.0
_GRACE = 2.0
"""Seconds that Ray gets to end by itself; trials go on from their checkpoints elsewhere."""

Say = Callable[[str], None]


def join(settings: Settings, head: str, say: Say) -> None:
    """Give this machine to a cluster until Ctrl-C or SIGTERM; come back whenever Ray ends.

    Args:
        settings: Which address, folder, token, CPUs and GPUs this machine has.
        head: Where the head is, as ``HOST:PORT``.
        say: Tells the person what happens.

    Raises:
        CannotStart: Where something is missing that the cluster needs of this machine.
    """
    if settings.host.is_loopback:
        raise CannotStart("set KBFGS_HOST to the address by which the others reach this machine")
    with held(settings.home / f"join-{socket.gethostname()}") as home:  # homes may be shared
        ended = leftovers.end_leftovers(home.processes)
        if ended:
            say(f"ended {ended} processes that an earlier start had left behind")
        token = settings.ray_token_path or Home(settings.home).ray_token
        if not token.is_file():
            raise CannotStart(f"{token} is missing: copy it there from the machine of the head")
        node = RayNode(
            short_folder(),
            token,
            cpus=settings.cpus_given,
            gpus=settings.num_gpus,
            host=settings.host,
        )
        try:
            _watch(Child(_program(node, head, home), say), home, head, say)
        finally:
            shutil.rmtree(node.folder, ignore_errors=True)


def _program(node: RayNode, head: str, home: Home) -> Program:
    environment = node.environment(os.environ, root=ROOT)
    return Program("ray", node.command(address=head), environment, home.logs / "ray.log", ROOT)


def _watch(ray: Child, home: Home, head: str, say: Say) -> None:
    """Keep Ray running until told to end; nothing of it is left then."""
    say(f"joining {head}; Ctrl-C leaves it again (log: {ray.program.log})")
    with told_to_end() as told:
        try:
            ray.start()
            remembered = float("-inf")
            while not told.wait(_LOOK_EVERY):
                ray.watch()
                if time.monotonic() - remembered >= _REMEMBER_EVERY:
                    remember_together(home.processes, ray)
                    remembered = time.monotonic()
        finally:
            ray.end(grace=_GRACE)
            home.processes.unlink(missing_ok=True)
    say("left the cluster")
