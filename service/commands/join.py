"""`service join`: this machine in the cluster of another one."""

import argparse
import sys

from service.settings import Settings


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "join", help="give this machine to a service that runs on another one"
    )
    parser.add_argument("head", metavar="HOST:PORT", help="as `service up` prints it there")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run until Ctrl-C."""
    from service.up.joining import join

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    join(Settings.load(), arguments.head, say)
