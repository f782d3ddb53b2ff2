"""The commands ``problems``, ``optimizers``, ``templates``, ``preview``: what can be compared."""

import argparse
import sys

from rich.console import Console

from api.client.client import Client
from api.client.commands import FINISHED, Add, named, print_json, read_file
from api.client.tables import console, plain_table
from service.contracts import numbers
from service.contracts.catalogue import OptimizerEntry
from service.contracts.space import Dimension, Values
from service.contracts.views import Preview


def add_commands(every: "argparse._SubParsersAction[argparse.ArgumentParser]", add: Add) -> None:
    """Add the commands to those of the client."""
    preview = add(every, "preview", show_preview, "what a comparison would run; nothing is stored")
    preview.add_argument("file", metavar="FILE", help="YAML or JSON; - reads standard input")
    add(every, "problems", list_problems, "what can be trained")
    optimizers = add(every, "optimizers", list_optimizers, "what can be compared")
    optimizers.add_argument(
        "name", metavar="NAME", nargs="?", help="one of them, with its settings and their bounds"
    )
    templates = add(every, "templates", list_templates, "comparisons that are ready")
    templates.add_argument(
        "name", metavar="NAME", nargs="?", help="one of them as YAML, to be changed and submitted"
    )


def show_preview(client: Client, options: argparse.Namespace) -> int:
    """Trials and epochs of each study, and what a person should know before."""
    found = client.preview(read_file(options.file))
    if options.json:
        return print_json(found)
    print_preview(console(), found)
    return FINISHED


def print_preview(console: Console, preview: Preview) -> None:
    """The whole first, then each study, then the warnings."""
    console.print(
        f"{numbers.counted(preview.trials, 'trial')}, {numbers.counted(preview.epochs, 'epoch')}; "
        f"{preview.search}; a checkpoint {preview.checkpoints}; "
        f"a winner is possible from {numbers.counted(preview.minimum_seeds, 'seed')} on",
        soft_wrap=True,
    )
    table = plain_table("kind", "problem", "contender", "trials", "epochs", "first point")
    for study in preview.studies:
        point = numbers.settings(study.points[0]) if study.points else ""
        table.add_row(
            study.kind,
            study.problem,
            study.contender or "all",
            f"{study.trials:,}",
            f"{study.epochs:,}",
            point,
        )
    console.print(table)
    for warning in preview.warnings:
        console.print(f"warning: {warning}", soft_wrap=True)


def list_problems(client: Client, options: argparse.Namespace) -> int:
    """Every problem, one a line."""
    problems = client.problems()
    if options.json:
        return print_json(problems)
    table = plain_table("problem", "what it is", "rows", "batch", "epochs", "judged by", "data")
    for entry in problems:
        table.add_row(
            entry.name,
            entry.title,
            f"{entry.training_rows:,}",
            f"{entry.batch_size:,}",
            str(entry.epochs),
            entry.selection_metric.replace("_", " "),
            entry.data or "none",
        )
    console().print(table)
    return FINISHED


def list_optimizers(client: Client, options: argparse.Namespace) -> int:
    """Every optimizer, one a line; or the settings of one."""
    found = client.optimizers()
    if options.name is not None:
        entry = named(options.name, {entry.name: entry for entry in found}, "optimizer")
        if options.json:
            return print_json(entry)
        print_optimizer(console(), entry)
        return FINISHED
    if options.json:
        return print_json(found)
    table = plain_table("optimizer", "what it is", "searched by default", "from")
    for entry in found:
        searched = ", ".join(f"{name} {_range(entry.space[name])}" for name in entry.space)
        origin = "" if entry.plugin is None else entry.plugin.label
        table.add_row(entry.name, entry.summary, searched, origin)
    console().print(table)
    return FINISHED


def print_optimizer(console: Console, entry: OptimizerEntry) -> None:
    """What it is, and each setting with its default and its default range."""
    console.print(f"{entry.title}: {entry.summary}", soft_wrap=True)
    console.print(entry.reference, soft_wrap=True)
    table = plain_table("setting", "kind", "default", "searched by default", "what it does")
    for setting in entry.settings:
        dimension = entry.space.get(setting.name)
        table.add_row(
            setting.name,
            ", ".join(setting.choices) if setting.choices else setting.kind,
            numbers.setting(setting.default),
            "" if dimension is None else _range(dimension),
            setting.summary,
        )
    console.print(table)


def list_templates(client: Client, options: argparse.Namespace) -> int:
    """Every template, one a line; or the text of one."""
    found = client.templates()
    if options.name is not None:
        chosen = named(options.name, {entry.name: entry for entry in found}, "template")
        if options.json:
            return print_json(chosen)
        sys.stdout.write(chosen.text)
        return FINISHED
    if options.json:
        return print_json(found)
    table = plain_table("template", "what it is for", "problems", "contenders", "trials", "epochs")
    for entry in found:
        table.add_row(
            entry.name,
            entry.summary,
            ", ".join(entry.spec.problems),
            ", ".join(contender.label for contender in entry.spec.contenders),
            f"{entry.trials:,}",
            f"{entry.epochs:,}",
        )
    console().print(table)
    console().print("`submit --template NAME` starts one; `templates NAME` prints it to be changed")
    return FINISHED


def _range(dimension: Dimension) -> str:
    """``0.001 to 1`` or ``0.1, 0.3, 1``."""
    if isinstance(dimension, Values):
        return ", ".join(map(numbers.setting, dimension.values))
    low, high = dimension.bounds
    return f"{numbers.setting(low)} to {numbers.setting(high)}"
