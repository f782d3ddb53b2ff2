"""The client's commands: ``python -m api.client``."""

import argparse
import os
import sys
from collections.abc import Callable

from api.client import (
    access,
    choices,
    commands,
    completion,
    exporting,
    managing,
    reproducing,
    results,
    webhooks,
)
from api.client.client import Client
from api.client.errors import ClientError
from api.client.logs import show_logs
from api.client.transport import PATIENCE_SECONDS
from service.contracts.states import ComparisonState
from service.contracts.text import harmless

EPILOG = """exit codes:
  0    done; with --wait and watch: the comparison finished
  1    the comparison failed or was cancelled
  2    bad input: the service, or the command line, refused it; a line for each field
  3    the service cannot be reached, or the key is missing, not valid or may not do this
  4    the service failed
  130  interrupted with Ctrl-C; a comparison that was being followed goes on

environment:
  KBFGS_URL, KBFGS_KEY   the service and the key; else KBFGS_HOME/client.json, which
                         `python -m service up` writes (KBFGS_HOME is ~/.kbfgs by default)
"""

Command = Callable[[Client, argparse.Namespace], int]


def main(arguments: list[str] | None = None, *, patience: float = PATIENCE_SECONDS) -> int:
    """Run a command; the exit codes are those of the help text.

    Args:
        arguments: The command line; the process's own by default.
        patience: Seconds for which a service that is away is tried again.
    """
    options = parser().parse_args(arguments)
    run: Command = options.run
    try:
        with Client.from_environment(os.environ, patience=patience) as client:
            return run(client, options)
    except ClientError as error:
        for line in error.lines:
            print(harmless(line), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return commands.INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """The client's command line."""
    parser = argparse.ArgumentParser(
        prog="python -m api.client",
        description="Submit comparisons of optimizers and read their reports.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    every = parser.add_subparsers(metavar="COMMAND", required=True)

    _add_submit(every)
    _with_id(_add(every, "watch", commands.watch_comparison, "follow a comparison to its end"))

    _add_list(every)
    _with_id(_add(every, "show", commands.show, "where a comparison stands"))

    exporting.add_commands(every, _add)

    logs = _add(every, "logs", show_logs, "what a comparison's drivers and trials printed")
    _with_id(logs)
    logs.add_argument("--trial", metavar="TRIAL", help="of one trial alone")
    logs.add_argument("--study", metavar="STUDY", help="of one study alone")
    logs.add_argument("--follow", action="store_true", help="go on until the comparison has ended")

    for name, run, text in (
        ("cancel", commands.cancel, "stop a comparison, or a part of it, for good"),
        ("pause", commands.pause, "hold a comparison, or a part of it"),
        ("resume", commands.resume, "let what is paused go on where it stopped"),
    ):
        _with_part(_add(every, name, run, text))

    extend = _add(every, "extend", managing.extend, "give a comparison more")
    _with_id(extend)
    extend.add_argument("--trials", metavar="N", type=_total, help="points of each search")
    extend.add_argument("--epochs", metavar="N", type=_total, help="epochs of each training run")
    extend.add_argument("--seeds", metavar="N", type=_total, help="fresh seeds of the finals")
    extend.add_argument(
        "--contenders", metavar="FILE", help="YAML or JSON: further contenders, as in a spec"
    )

    _add_managing(every)
    _add(every, "workers", commands.workers, "the cluster's machines, what runs and what waits")
    choices.add_commands(every, _add)
    results.add_commands(every, _add)
    reproducing.add_commands(every, _add)
    webhooks.add_commands(every, _add)
    access.add_commands(every, _add)
    _add(every, "login", commands.login, "a link that signs a browser in, once")
    completion.add_command(every, parser)
    return parser


def _add(
    every: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Command,
    text: str,
) -> argparse.ArgumentParser:
    parser = every.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.set_defaults(run=run)
    parser.add_argument("--json", action="store_true", help="print JSON on standard output")
    return parser


def _add_submit(every: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    submit = _add(every, "submit", commands.submit, "queue a comparison")
    source = submit.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "file", metavar="FILE", nargs="?", help="YAML or JSON, or a capsule; - for standard input"
    )
    source.add_argument("--template", metavar="NAME", help="a ready comparison in place of a file")
    submit.add_argument("--wait", action="store_true", help="follow it and print the verdict")
    submit.add_argument(
        "--threads", metavar="N", type=_total, help="of each rank, in place of a capsule's"
    )
    submit.add_argument(
        "--idempotency-key",
        metavar="WORD",
        type=_word,
        help="the same word and file again give the same comparison (default: a random word)",
    )


def _add_list(every: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    listing = _add(every, "list", commands.show_list, "the newest comparisons")
    listing.add_argument("--ids", action="store_true", help="their ids alone, one a line")
    listing.add_argument("--limit", type=_limit, default=20, help="default: %(default)s")
    listing.add_argument(
        "--state",
        action="append",
        choices=[state.value for state in ComparisonState],
        help="those in this state; several: in one of them",
    )
    listing.add_argument("--tag", action="append", help="those with this tag; several: with all")
    listing.add_argument("--owner", metavar="NAME", help="those created with a key of this name")
    listing.add_argument("--name", metavar="TEXT", help="those with this text in their name")
    listing.add_argument(
        "--sort", metavar="FIELDS", help="as -priority,name; by default the newest first"
    )


def _add_managing(every: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    edit = _add(every, "edit", managing.edit, "change a comparison's name, tags or priority")
    _with_id(edit)
    edit.add_argument("--name", metavar="NAME")
    edit.add_argument("--priority", metavar="N", type=int, help="-100 to 100; higher goes first")
    tags = edit.add_mutually_exclusive_group()
    tags.add_argument("--tag", metavar="TAG", action="append", help="its tags from now on")
    tags.add_argument("--no-tags", action="store_true", help="without any tag from now on")

    clone = _add(every, "clone", managing.clone, "queue a comparison's spec once more")
    _with_id(clone)
    clone.add_argument("--name", metavar="NAME", help="of the new one; as before by default")
    clone.add_argument(
        "--changes", metavar="FILE", help="YAML or JSON with fields of the spec to change"
    )
    clone.add_argument("--wait", action="store_true", help="follow it and print the verdict")

    _with_id(_add(every, "delete", managing.delete, "remove a comparison that has ended, for good"))


def _with_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the comparison's id")


def _with_part(parser: argparse.ArgumentParser) -> None:
    _with_id(parser)
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--contender", metavar="NAME", help="one contender alone")
    part.add_argument("--trial", metavar="TRIAL", help="one trial alone: its number or its id")


def _total(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, got {text!r}")
    return int(text)


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 200):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 200, got {text!r}")
    return int(text)


def _word(text: str) -> str:
    if not (text.isascii() and text.isprintable() and 1 <= len(text) <= 200):
        raise argparse.ArgumentTypeError(f"must be 1 to 200 ASCII characters, got {text!r}")
    return text


if __name__ == "__main__":
    raise SystemExit(main())
