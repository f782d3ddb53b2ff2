"""The commands ``capsule`` and ``compare``: run it again, and see whether the result held."""

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from api.client.client import Client
from api.client.commands import FINISHED, Add, print_json, read_file
from api.client.errors import Unreadable
from api.client.exporting import write_file
from api.client.tables import console, plain_table
from service.contracts import numbers
from service.contracts.agreement import ProblemAgreement, ReportAgreement, TwoReports
from service.contracts.errors import first_error
from service.contracts.report import Report


def add_commands(every: "argparse._SubParsersAction[argparse.ArgumentParser]", add: Add) -> None:
    """Add the commands to those of the client."""
    capsule = add(every, "capsule", show_capsule, "a comparison as one file that runs it again")
    capsule.add_argument("id", metavar="ID", help="the comparison's id")
    capsule.add_argument(
        "--output", metavar="FILE", help="write it there; on standard output by default"
    )
    compare = add(every, "compare", show_agreement, "whether an earlier report's result held")
    for name, which in (("then", "earlier"), ("now", "later")):
        text = f"the {which} report: a comparison's id, or a file with its JSON"
        compare.add_argument(name, metavar=name.upper(), help=text)


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


def show_agreement(client: Client, options: argparse.Namespace) -> int:
    """The sentence, and for each problem its own with a table of the pairs."""
    then, now = (_report(client, word) for word in (options.then, options.now))
    try:
        two = TwoReports(then=then, now=now)
    except ValidationError as error:
        raise Unreadable(f"no comparison has such a report: {first_error(error)}") from error
    found = client.capsules.compare(two)
    if options.json:
        return print_json(found)
    print_agreement(console(), found)
    return FINISHED


def _report(client: Client, word: str) -> Report:
    """The report in the file of that name; where there is none, of the comparison of that id."""
    if word != "-" and not Path(word).is_file():
        return client.report(word)
    try:
        return Report.model_validate_json(read_file(word))
    except ValidationError as error:
        raise Unreadable(f"{word} is no report: {first_error(error)}") from error


def print_agreement(console: Console, found: ReportAgreement) -> None:
    """Held or not, then each problem with its pairs."""
    if len(found.problems) > 1:
        console.print(found.sentence, style="bold", soft_wrap=True)
    for problem in found.problems:
        console.print(problem.sentence, style="bold", soft_wrap=True)
        if problem.pairs:
            console.print(_pairs(problem))
        for note in problem.notes:
            console.print(f"note: {note}", soft_wrap=True)


def _pairs(problem: ProblemAgreement) -> Table:
    table = plain_table("pair", "ratio then", "ratio now", "now over then", "the claim")
    for pair in problem.pairs:
        ratios = (pair.then, pair.now, pair.change)
        written = (numbers.with_span(one.median, one.low, one.high) for one in ratios)
        table.add_row(f"{pair.first} / {pair.second}", *written, pair.agreement)
    return table
