"""The commands ``report`` and ``export``: the verdict, the trials and the curves as files."""

import argparse
import os
import shutil
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryFile

from api.client.client import Client
from api.client.commands import FINISHED, Add, print_json, reason_of
from api.client.errors import Unreadable
from api.client.mlflow import MlflowServer
from api.client.mlflow_export import export
from api.client.tables import console, print_report
from service.contracts import numbers
from service.contracts.forms import DataForm, DataTable, ReportForm

MLFLOW = "mlflow"
_ABOUT = {
    ReportForm.HTML: "write it as one self-contained page",
    ReportForm.MARKDOWN: "as the text of a pull request; - for standard output",
    ReportForm.LATEX: "as tables for a paper; - for standard output",
    ReportForm.SVG: "the curves of the finals as a figure",
    ReportForm.PDF: "the same as PDF",
}
"""The forms that are files; JSON is for standard output."""


def add_commands(every: "argparse._SubParsersAction[argparse.ArgumentParser]", add: Add) -> None:
    """Add the commands to those of the client."""
    report = add(every, "report", show_report, "a comparison's verdict")
    report.add_argument("id", metavar="ID", help="the comparison's id")
    for form, about in _ABOUT.items():
        report.add_argument(f"--{form}", metavar="PATH", help=about)
    data = add(every, "export", export_data, "a comparison's trials and curves as a file")
    data.add_argument("id", metavar="ID", help="the comparison's id")
    forms = (*(form.value for form in DataForm), MLFLOW)
    data.add_argument("--format", choices=forms, default="csv", help="default: csv")
    data.add_argument("--to", metavar="URL", help="of the MLflow server to write to")
    data.add_argument(
        "--table", choices=[one.value for one in DataTable], help="one alone, of csv and parquet"
    )
    data.add_argument(
        "--output", metavar="PATH", help="- for standard output; by default a new file here"
    )


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


def export_data(client: Client, options: argparse.Namespace) -> int:
    """Trials and curves in a file, on standard output, or on an MLflow server."""
    if (options.format == MLFLOW) != (options.to is not None):
        raise Unreadable("--format mlflow and --to URL go together")
    if options.to is not None:
        return _to_mlflow(client, options)
    form = DataForm(options.format)
    table = None if options.table is None else DataTable(options.table)
    if options.output == "-":
        with TemporaryFile() as file:
            client.files.data(options.id, form, file, table=table)
            file.seek(0)
            shutil.copyfileobj(file, sys.stdout.buffer)
        return FINISHED
    path = None if options.output is None else Path(options.output)
    try:
        path = client.files.save(options.id, form, path, table=table)
    except OSError as error:
        raise not_written(path or Path(), error) from error
    if options.json:
        return print_json({"file": str(path)})
    console().print(f"wrote {path} ({numbers.size(path.stat().st_size)})", soft_wrap=True)
    return FINISHED


def _to_mlflow(client: Client, options: argparse.Namespace) -> int:
    if options.table or options.output:
        raise Unreadable("--table and --output are of files: leave them out with --format mlflow")
    with closing(MlflowServer(options.to, os.environ)) as server:
        done = export(client, options.id, server)
    if options.json:
        return print_json(done)
    runs = numbers.counted(done.runs, "run")
    points = numbers.counted(done.points, "new point")
    console().print(f"{runs}, {done.new_runs:,} of them new, {points}: {done.url}", soft_wrap=True)
    return FINISHED


def write_file(path: Path, content: bytes) -> None:
    """Write a file.

    Raises:
        Unreadable: Where it cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise not_written(path, error) from error


def not_written(path: Path, error: OSError) -> Unreadable:
    """Says that a file cannot be written, and why."""
    why = "no such folder" if isinstance(error, FileNotFoundError) else reason_of(error)
    return Unreadable(f"cannot write {path}: {why}")
