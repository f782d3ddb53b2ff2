"""What can be typed after the client's name, read off its parser."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """An option of a command."""

    name: str
    """With its dashes: ``--state``."""
    about: str
    takes_value: bool
    choices: tuple[str, ...]
    """What its value may be, where that is known."""


@dataclass(frozen=True)
class Command:
    """A command, or a group of them."""

    path: str
    """Its words: ``keys create``; empty for the client itself."""
    about: str
    parts: tuple[str, ...]
    """The words that may follow: the commands of a group, or what an argument may be."""
    options: tuple[Option, ...]
    is_group: bool
    arguments: tuple[str, ...]
    """What it takes beside options, as its help calls them: ``ID`` is a comparison's."""


def commands_of(
    parser: argparse.ArgumentParser, path: str = "", about: str = ""
) -> Iterator[Command]:
    """A parser and those below it, each as a command."""
    actions = parser._actions
    groups = [one for one in actions if isinstance(one, argparse._SubParsersAction)]
    yield Command(
        path=path,
        about=about,
        parts=tuple(
            word for one in actions if not one.option_strings for word in one.choices or ()
        ),
        is_group=bool(groups),
        options=tuple(_option(one) for one in actions if one.option_strings),
        arguments=tuple(
            str(one.metavar) for one in actions if not one.option_strings and one not in groups
        ),
    )
    for group in groups:
        words = {one.dest: one.help or "" for one in group._choices_actions}
        for name, inner in group.choices.items():
            yield from commands_of(inner, f"{path} {name}".strip(), words[name])


def _option(action: argparse.Action) -> Option:
    return Option(
        name=action.option_strings[-1],
        about=(action.help or "").replace("%(default)s", str(action.default)),
        takes_value=action.nargs != 0,
        choices=tuple(map(str, action.choices or ())),
    )
