"""`service dispatch`: the dispatcher, until it is told to stop."""

import argparse
import signal
import threading
from contextlib import closing

from service import log
from service.settings import Settings


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("dispatch", help="turn queued studies into jobs on the cluster")
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> None:
    """Run until SIGTERM or Ctrl-C."""
    from service.bootstrap import build, dispatching

    settings = Settings.load()
    log.set_up(settings)
    stop = threading.Event()
    with closing(build(settings)) as service, dispatching(service) as dispatcher:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            dispatcher.tick()
            stop.wait(settings.tick)
