"""``completion SHELL``: a script that makes the command ``kbfgs`` and completes what follows it."""

import argparse
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from api.client.grammar import Command, Option, commands_of

ROOT = Path(__file__).parents[2]
SHELLS = ("bash", "zsh", "fish")
IDS = "kbfgs list --ids --limit 50 2>/dev/null"

_BASH = """\
kbfgs() {{ PYTHONPATH={root} {python} -m api.client "$@"; }}
_kbfgs() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" command="" words="" position
  for ((position = 1; position < COMP_CWORD; position++)); do
    case "$command ${{COMP_WORDS[position]}}" in
      {steps}) command="${{command:+$command }}${{COMP_WORDS[position]}}" ;;
    esac
  done
  case "$command ${{COMP_WORDS[COMP_CWORD-1]}}" in
{values}
    {free}) ;;
    *) case "$command" in
{words}
       esac
       [[ $current == -* ]] || case "$command" in
    {with_id}) words="$({ids})" ;;
    {with_file}) words="" ;;  # then the shell completes names of files
       esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _kbfgs kbfgs
"""
_ZSH = "autoload -Uz compinit bashcompinit && compinit && bashcompinit\n"
_FISH = """\
function kbfgs; env PYTHONPATH={root} {python} -m api.client $argv; end
function __kbfgs_at
    set -l found ''
    for word in (commandline -opc)[2..]
        switch "$found $word"
            case {steps}
                set found (string trim -- "$found $word")
        end
    end
    test "$found" = "$argv"
end
complete -c kbfgs -e
"""


class _Print(argparse.Action):
    """Prints the script of a shell and ends the program: no service is asked."""

    def __init__(self, *, whole: argparse.ArgumentParser, **given: Any) -> None:
        super().__init__(**given)
        self._whole = whole

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        _namespace: argparse.Namespace,
        values: object,
        _option: str | None = None,
    ) -> None:
        """Print it."""
        sys.stdout.write(script(str(values), self._whole))
        parser.exit()


def add_command(
    every: "argparse._SubParsersAction[argparse.ArgumentParser]", whole: argparse.ArgumentParser
) -> None:
    """Add the command to those of the client.

    Args:
        every: The client's commands.
        whole: The client's parser, read once the command runs.
    """
    text = "a script for bash, zsh or fish that completes commands, options and ids"
    parser = every.add_parser("completion", help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", action=_Print, whole=whole)


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """What the shell evaluates: ``eval "$(python -m api.client completion bash)"``."""
    commands = tuple(commands_of(parser))
    match shell:
        case "fish":
            return _fish(commands)
        case "zsh":
            return _ZSH + _bash(commands)
        case _:
            return _bash(commands)


def _bash(commands: Sequence[Command]) -> str:
    valued = [
        (f"{command.path} {option.name}", option.choices)
        for command in commands
        for option in command.options
        if option.takes_value
    ]
    return _BASH.format(
        root=shlex.quote(str(ROOT)),
        python=shlex.quote(sys.executable),
        ids=IDS,
        steps=_either(map(_step, commands[1:])),
        values=_arms((typed, choices) for typed, choices in valued if choices),
        free=_either(typed for typed, choices in valued if not choices),
        words=_arms(
            (command.path, (*command.parts, *(option.name for option in command.options)))
            for command in commands
        ),
        with_id=_either(one.path for one in commands if "ID" in one.arguments),
        with_file=_either(one.path for one in commands if "FILE" in one.arguments),
    )


def _arms(words: Iterable[tuple[str, Sequence[str]]]) -> str:
    """An arm of a case for each thing that was typed, with the words that may follow."""
    lines = (f"    {_quoted(typed)}) words={_quoted(' '.join(next_))} ;;" for typed, next_ in words)
    return "\n".join(lines)


def _either(texts: Iterable[str]) -> str:
    """A pattern of a case."""
    return "|".join(map(_quoted, texts))


def _fish(commands: Sequence[Command]) -> str:
    head = _FISH.format(
        root=shlex.quote(str(ROOT)),
        python=shlex.quote(sys.executable),
        steps=" ".join(_quoted(_step(command)) for command in commands[1:]),
    )
    about = {command.path: command.about for command in commands}
    return head + "".join(
        f"complete -c kbfgs -n {_quoted(f'__kbfgs_at {command.path}'.strip())} {what}\n"
        for command in commands
        for what in _fish_words(command, about)
    )


def _fish_words(command: Command, about: Mapping[str, str]) -> Iterator[str]:
    """What may follow a command, each with its sentence."""
    for part in command.parts:
        yield f"-f -a {part} -d {_quoted(about.get(f'{command.path} {part}'.strip(), ''))}"
    for option in command.options:
        yield _fish_option(option)
    if "ID" in command.arguments:
        yield f"-f -a {_quoted(f'({IDS})')}"


def _fish_option(option: Option) -> str:
    name, about = option.name.removeprefix("--"), _quoted(option.about)
    if not option.takes_value:
        return f"-f -l {name} -d {about}"
    value = f"-x -a {_quoted(' '.join(option.choices))}" if option.choices else "-r"
    return f"{value} -l {name} -d {about}"


def _step(command: Command) -> str:
    """The command without its last word, and that word: `` keys``, ``keys list``."""
    group, _, word = command.path.rpartition(" ")
    return f"{group} {word}"


def _quoted(text: str) -> str:
    """In single quotes; those inside are written as fish does, and what bash reads has none."""
    return "'" + text.replace("'", "\\'") + "'"
