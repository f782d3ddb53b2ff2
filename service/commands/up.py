"""`service up`: everything on this machine."""

import argparse
import sys

from service.settings import Settings


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "up", help="start the web, the dispatcher and a local Ray head, and watch over them"
    )
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> None:
    """Run until Ctrl-C."""
    from service.up.supervisor import up

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    up(Settings.load(), say)
