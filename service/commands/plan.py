"""``python -m service plan SPEC``: the studies, trials, points and seeds of a comparison."""

import argparse
import json
import sys
from pathlib import Path

from service.commands.errors import Refused, cannot_read
from service.contracts.capsule import is_capsule
from service.contracts.catalogue import Catalogue, installed
from service.contracts.documents import DocumentError, read_document
from service.contracts.errors import WHOLE, FieldError
from service.contracts.plan import Plan
from service.domain.errors import FieldsRefused
from service.domain.planning import plan, read_spec
from service.domain.previews import preview
from service.domain.rerunning import read_capsule


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``plan`` to the service's commands."""
    parser = subparsers.add_parser("plan", help="print a comparison's plan as JSON")
    parser.add_argument("spec", type=Path, help="the comparison, YAML or JSON, or a capsule")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Print the plan; warnings go to stderr.

    Raises:
        Refused: Where the spec cannot be read or run.
    """
    path: Path = args.spec
    catalogue = installed()
    try:
        planned = _planned(path.read_text(encoding="utf-8"), catalogue)
    except (OSError, UnicodeDecodeError) as error:
        raise cannot_read(path, error) from error
    except DocumentError as error:
        raise Refused(f"{path}: {error}") from error
    except FieldsRefused as error:
        raise Refused("\n".join(f"{path}: {_line(wrong)}" for wrong in error.errors)) from error
    for warning in preview(planned.spec, catalogue).warnings:
        sys.stderr.write(f"warning: {warning}\n")
    sys.stdout.write(planned.model_dump_json(indent=2) + "\n")


def _planned(text: str, catalogue: Catalogue) -> Plan:
    """The plan of a spec; of a capsule the one that runs it again."""
    try:
        document = json.loads(text)  # a capsule may have megabytes, which YAML would read for long
    except (ValueError, RecursionError):
        document = None
    if is_capsule(document):
        return read_capsule(document, catalogue)
    return plan(read_spec(read_document(text), catalogue), catalogue)


def _line(wrong: FieldError) -> str:
    allowed = f" (allowed: {', '.join(wrong.allowed)})" if wrong.allowed else ""
    where = "" if wrong.field == WHOLE else f"{wrong.field}: "
    return f"{where}{wrong.message}{allowed}"
