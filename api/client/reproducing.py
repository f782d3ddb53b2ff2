"""The command ``capsule``: a comparison as a file that runs it again."""

import argparse
import sys
from pathlib import Path

from api.client.client import Client
from api.client.commands import FINISHED, Add, print_json
from api.client.exporting import write_file
from api.client.tables import console


def add_commands(every: "argparse._SubParsersAction[argparse.ArgumentParser]", add: Add) -> None:
    """Add the commands to those of the client."""
    capsule = add(every, "capsule", show_capsule, "a comparison as one file that runs it again")
    capsule.add_argument("id", metavar="ID", help="the comparison's id")
    capsule.add_argument(
        "--output", metavar="FILE", help="write it there; on standard output by default"
    )


def show_capsule(client: Client, options: argparse.Namespace) -> int:
    """Everything that a rerun needs, as JSON."""
    text = client.capsules.of(options.id)
    if options.output is None:
        sys.stdout.write(f"{text}\n")
        return FINISHED
    write_file(Path(options.output), text.encode())
    if options.json:
        return print_json({"written": options.output})
    console().print(
        f"wrote {options.output}; `submit {options.output}` runs it again", soft_wrap=True
    )
    return FINISHED
