"""The commands that change what a comparison is called, queue it once more, or remove it."""

import argparse
from collections.abc import Mapping, Sequence

from api.client.client import Client
from api.client.commands import FINISHED, follow, print_json, read_file
from api.client.errors import Unreadable
from api.client.tables import console
from service.contracts import numbers
from service.contracts.documents import DocumentError, read_document


def edit(client: Client, options: argparse.Namespace) -> int:
    """Change a comparison's name, tags or priority."""
    given = {"name": options.name, "priority": options.priority, "tags": options.tag}
    fields = {name: value for name, value in given.items() if value is not None}
    if options.no_tags:
        fields["tags"] = []
    view = client.edit(options.id, **fields)
    if options.json:
        return print_json(view)
    tags = f", tags {' '.join(view.tags)}" if view.tags else ""
    console().print(f"{view.id} is {view.name!r}, priority {view.priority}{tags}", soft_wrap=True)
    return FINISHED


def delete(client: Client, options: argparse.Namespace) -> int:
    """Remove a comparison that has ended."""
    client.delete(options.id)
    if options.json:
        return print_json({"deleted": options.id})
    console().print(f"{options.id} is deleted")
    return FINISHED


def clone(client: Client, options: argparse.Namespace) -> int:
    """Queue a comparison's spec once more and, if wanted, follow it."""
    changes = dict(_changes(options.changes)) if options.changes else {}
    if options.name is not None:
        changes["name"] = options.name
    view = client.clone(options.id, changes)
    if options.wait:
        return follow(client, view.id, as_json=options.json)
    if options.json:
        return print_json(view)
    console().print(f"{view.id} is {view.state}, a clone of {options.id}", soft_wrap=True)
    return FINISHED


def extend(client: Client, options: argparse.Namespace) -> int:
    """Give a comparison more points, epochs, seeds or contenders."""
    view = client.extend(
        options.id,
        trials=options.trials,
        epochs=options.epochs,
        seeds=options.seeds,
        contenders=_contenders(options.contenders) if options.contenders else (),
    )
    if options.json:
        return print_json(view)
    spec = view.spec
    contenders = ", ".join(contender.label for contender in spec.contenders)
    console().print(
        f"{view.id} is {view.state}; {contenders}; "
        f"{numbers.counted(spec.budget.epochs, 'epoch')} a trial, "
        f"{spec.tuning.described}, {numbers.counted(spec.seeds, 'seed')}",
        soft_wrap=True,
    )
    return FINISHED


def _contenders(file: str) -> Sequence[Mapping[str, object]]:
    """A list of contenders as in a spec, or one of them."""
    found = _read(file)
    every = found if isinstance(found, list) else [found]
    contenders = [one for one in every if isinstance(one, Mapping)]
    if len(contenders) < len(every):
        raise Unreadable(f"{file} is no list of contenders as in a spec")
    return contenders


def _changes(file: str) -> Mapping[str, object]:
    found = _read(file)
    if not isinstance(found, Mapping):
        raise Unreadable(f"{file} is no mapping of fields of the spec")
    return found


def _read(file: str) -> object:
    try:
        return read_document(read_file(file))
    except DocumentError as error:
        raise Unreadable(f"cannot read {file}: {error}") from error
