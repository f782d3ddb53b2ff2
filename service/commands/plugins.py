"""`service plugins`: the installed plug-ins, what they bring, and which are disabled."""

import argparse
import sys


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("plugins", help="list the installed plug-ins")
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> None:
    """Print a line for each plug-in; none of them is imported."""
    from service.contracts.catalogue import look

    found = look()
    lines = [str(plugin) for plugin in (*found.plugins, *found.disabled)]
    sys.stdout.writelines(f"{line}\n" for line in lines or ["no plug-ins are installed"])
