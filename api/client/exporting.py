"""The command ``report``: the verdict on the terminal, and as files to take away."""

import argparse
import sys
from pathlib import Path

from api.client.client import Client
from api.client.commands import FINISHED, Add, print_json, reason_of
from api.client.errors import Unreadable
from api.client.tables import console, print_report
from service.contracts.forms import ReportForm

_ABOUT = {
    ReportForm.HTML: "write it as one self-contained page",
    ReportForm.MARKDOWN: "as the text of a pull request; - for standard output",
    ReportForm.LATEX: "as tables for a paper; - for standard output",
    ReportForm.SVG: "the curves of the finals as a figure",
    ReportForm.PDF: "the same as PDF",
}
"""The forms that are files; JSON is for standard output."""


def add_commands(every: "argparse._SubParsersAction[argparse.ArgumentParser]", add: Add) -> None:
    """Add the command to those of the client."""
    report = add(every, "report", show_report, "a comparison's verdict")
    report.add_argument("id", metavar="ID", help="the comparison's id")
    for form, about in _ABOUT.items():
        report.add_argument(f"--{form}", metavar="PATH", help=about)


def show_report(client: Client, options: argparse.Namespace) -> int:
    """The verdict, in words or as JSON; files with it, as many as are asked for."""
    wanted = {form: path for form in _ABOUT if (path := getattr(options, form)) is not None}
    for form, path in wanted.items():
        content = client.files.report(options.id, form)
        if path == "-":
            sys.stdout.buffer.write(content)
            continue
        write_file(Path(path), content)
        console(to_stderr=options.json).print(f"wrote {path}", soft_wrap=True)
    if wanted and not options.json:
        return FINISHED
    found = client.report(options.id)
    if options.json:
        return print_json(found)
    print_report(console(), found)
    return FINISHED


def write_file(path: Path, content: bytes) -> None:
    """Write a file.

    Raises:
        Unreadable: Where it cannot be written.
    """
    try:
        path.write_bytes(content)
    except FileNotFoundError as error:
        raise Unreadable(f"cannot write {path}: no such folder") from error
    except OSError as error:
        raise Unreadable(f"cannot write {path}: {reason_of(error)}") from error
