"""What each command of the client does; every function returns an exit code."""

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import BaseModel, TypeAdapter

from api.client.capsules import is_capsule
from api.client.client import Client
from api.client.cluster_table import print_cluster
from api.client.errors import Unreadable
from api.client.tables import console, print_comparison, print_list, print_report
from api.client.watching import display_on, watch
from service.contracts import numbers
from service.contracts.states import ComparisonState
from service.contracts.views import ComparisonView, TrialView

NamedT = TypeVar("NamedT")

Add = Callable[..., argparse.ArgumentParser]
"""Adds a command to some, by its name, its function and its sentence."""

_ID = re.compile(r"[a-z0-9-]+")
FINISHED = 0
NOT_FINISHED = 1
INTERRUPTED = 130


def submit(client: Client, options: argparse.Namespace) -> int:
    """Queue a comparison and, if wanted, follow it."""
    view = _queued(client, _spec(client, options), options)
    if options.wait:
        told = console(to_stderr=options.json)
        told.print(f"comparison {view.id}: {client.url}/comparisons/{view.id}", soft_wrap=True)
        return follow(client, view.id, as_json=options.json)
    if options.json:
        return print_json(view)
    console().print(
        f"{view.id} is {view.state}; follow it with `python -m api.client watch {view.id}` or at "
        f"{client.url}/comparisons/{view.id}",
        soft_wrap=True,
    )
    return FINISHED


def _queued(client: Client, text: str, options: argparse.Namespace) -> ComparisonView:
    """A spec queued, or a capsule that runs again: it says itself which of the two it is."""
    word = options.idempotency_key
    if is_capsule(text):
        return client.capsules.rerun(text, threads=options.threads, idempotency_key=word)
    if options.threads is not None:
        raise Unreadable("--threads is for a capsule; a spec has resources.threads")
    return client.submit(text, idempotency_key=word)


def _spec(client: Client, options: argparse.Namespace) -> str:
    if options.template is None:
        return read_file(options.file)
    return named(options.template, {one.name: one for one in client.templates()}, "template").text


def watch_comparison(client: Client, options: argparse.Namespace) -> int:
    """Follow a comparison to its end."""
    return follow(client, options.id, as_json=options.json)


def show_list(client: Client, options: argparse.Namespace) -> int:
    """The newest comparisons."""
    page = client.page(
        limit=options.limit,
        state=[ComparisonState(state) for state in options.state or ()],
        tags=options.tag or (),
        owner=options.owner,
        name=options.name,
        sort=options.sort,
    )
    if options.json:
        return print_json(page)
    if options.ids:
        plain = (view.id for view in page.items if _ID.fullmatch(view.id))  # for a shell to read
        sys.stdout.writelines(f"{identity}\n" for identity in plain)
        return FINISHED
    print_list(console(), page.items)
    return FINISHED


def show(client: Client, options: argparse.Namespace) -> int:
    """Where one comparison stands."""
    view = client.get(options.id)
    if options.json:
        return print_json(view)
    print_comparison(console(), view, client.studies(options.id))
    return FINISHED


def cancel(client: Client, options: argparse.Namespace) -> int:
    """Stop a comparison, a contender or a trial."""
    return _change(options, whole=client.cancel, trial=client.cancel_trial)


def pause(client: Client, options: argparse.Namespace) -> int:
    """Hold a comparison, a contender or a trial."""
    return _change(options, whole=client.pause, trial=client.pause_trial)


def resume(client: Client, options: argparse.Namespace) -> int:
    """Let a comparison, a contender or a trial go on."""
    return _change(options, whole=client.resume, trial=client.resume_trial)


class _ChangeWhole(Protocol):
    def __call__(self, comparison_id: str, *, contender: str | None) -> ComparisonView: ...


def _change(
    options: argparse.Namespace, *, whole: _ChangeWhole, trial: Callable[[str], TrialView]
) -> int:
    view: ComparisonView | TrialView
    if options.trial is None:
        view = whole(options.id, contender=options.contender)
    else:
        number = f"{options.id}-t{options.trial}"
        view = trial(number if options.trial.isdigit() else options.trial)
    if options.json:
        return print_json(view)
    console().print(_changed(view, options.contender), soft_wrap=True)
    return FINISHED


def _changed(view: ComparisonView | TrialView, contender: str | None) -> str:
    """What became of it: ``kq3vxe7a2m is running; adam: 3 of 8 trials ended, 5 paused``."""
    if isinstance(view, TrialView) or contender is None:
        return f"{view.id} is {view.state}"
    entry = next(entry for entry in view.contenders if entry.name == contender)
    parts = [f"{entry.trials_ended} of {numbers.counted(entry.trials, 'trial')} ended"]
    parts += ["cancelled"] if entry.cancelled else []
    parts += [f"{entry.paused} paused"] if entry.paused else []
    return f"{view.id} is {view.state}; {contender}: {', '.join(parts)}"


def workers(client: Client, options: argparse.Namespace) -> int:
    """The cluster's machines and the queue."""
    view = client.workers()
    if options.json:
        return print_json(view)
    print_cluster(console(), view)
    return FINISHED


def login(client: Client, options: argparse.Namespace) -> int:
    """A link that signs a browser in."""
    link = client.login_link()
    if options.json:
        return print_json({"url": link})
    console().print(link, soft_wrap=True)
    return FINISHED


def follow(client: Client, comparison_id: str, *, as_json: bool) -> int:
    """Follow a comparison to its end, and print what came of it."""
    told = console(to_stderr=as_json)
    try:
        with display_on(told) as display:
            view = watch(client, comparison_id, display)
    except KeyboardInterrupt:
        told.print(
            f"comparison {comparison_id} goes on; follow it with "
            f"`python -m api.client watch {comparison_id}`, stop it with `... cancel "
            f"{comparison_id}`",
            soft_wrap=True,
        )
        return INTERRUPTED
    return _conclude(client, view, as_json=as_json)


def _conclude(client: Client, view: ComparisonView, *, as_json: bool) -> int:
    if view.state is not ComparisonState.FINISHED:
        reason = f": {view.reason}" if view.reason else ""
        console(to_stderr=True).print(f"{view.id} {view.state}{reason}", soft_wrap=True)
        if as_json:
            print_json(view)
        return NOT_FINISHED
    found = client.report(view.id)
    if as_json:
        return print_json(found)
    print_report(console(), found)
    return FINISHED


def print_json(value: BaseModel | Sequence[BaseModel] | dict[str, str]) -> int:
    """Print a value as JSON."""
    sys.stdout.write(TypeAdapter(type(value)).dump_json(value, indent=2).decode() + "\n")
    return FINISHED


def named(name: str, known: Mapping[str, NamedT], kind: str) -> NamedT:
    """The one of that name.

    Raises:
        Unreadable: Where there is none; says which there are.
    """
    if name not in known:
        raise Unreadable(f"there is no {kind} {name!r}; there are: {', '.join(known)}")
    return known[name]


def read_file(name: str) -> str:
    """The text of a file; of standard input where it is called ``-``.

    Raises:
        Unreadable: Where it cannot be read.
    """
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"cannot read {name}: {reason_of(error)}") from error


def reason_of(error: OSError | UnicodeDecodeError) -> str:
    """Why a file cannot be read or written, in a few words."""
    match error:
        case FileNotFoundError():
            return "no such file"
        case IsADirectoryError():
            return "it is a folder"
        case UnicodeDecodeError():
            return f"it is no UTF-8 text (byte {error.start})"
        case _:
            return (error.strerror or str(error)).lower()
