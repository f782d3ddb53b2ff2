"""`service settings`: every setting, with its default, as the page of the documentation has it."""

import argparse
import re
import sys
from ipaddress import IPv4Address
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from service.settings import FILE_VARIABLE, PREFIX, Settings

_HEAD = f"""# Settings

Variables of the environment, or keys of a TOML file that `{FILE_VARIABLE}` names; where both say
something, the environment counts. A value that is wrong, and a key of the file that is no setting,
stop the start with their name. `python -m service settings` prints this page; it is made from the
settings' own definition.

| variable | in the file | default | what it is |
| --- | --- | --- | --- |
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("settings", help="every setting, as Markdown")
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> None:
    """Print the page."""
    sys.stdout.write(page())


def page() -> str:
    """The documentation's page of settings, in Markdown."""
    return _HEAD + "".join(_row(name, field) for name, field in Settings.model_fields.items())


def _row(name: str, field: FieldInfo) -> str:
    about = re.sub(r"\s+", " ", field.description or "")
    cells = f"`{PREFIX}{name.upper()}`", f"`{name}`", _default(field), about
    return f"| {' | '.join(cells)} |\n"


def _default(field: FieldInfo) -> str:
    """A default as a reader would write it; empty where it follows from others."""
    match field.default:
        case None | "":
            return ""
        case SecretStr():
            return ""
        case bool() as value:
            return f"`{str(value).lower()}`"
        case Path() | IPv4Address() | str() | float() | int() as value:
            return f"`{value}`"
        case other:
            raise TypeError(f"no words for the default {other!r}")
