"""The commands about access: ``keys``, ``me`` and ``audit``."""

import argparse
import itertools
from datetime import UTC, datetime, timedelta

from api.client.client import Client
from api.client.commands import FINISHED, Add, print_json
from api.client.tables import aware, console, plain_table
from service.contracts import numbers
from service.contracts.access import KeyView, QuotaView, Role

MOST_DAYS = 36_500
"""A century; later dates end in an error of the calendar's."""


def add_commands(every: "argparse._SubParsersAction[argparse.ArgumentParser]", add: Add) -> None:
    """Add the commands to those of the client."""
    keys = every.add_parser("keys", help="list, make or end keys, with an admin's")
    actions = keys.add_subparsers(metavar="ACTION", required=True)
    add(actions, "list", list_keys, "every key, without its secret")
    create = add(actions, "create", create_key, "make a key; its secret is printed this once")
    create.add_argument("name", metavar="NAME")
    create.add_argument("--role", choices=[role.value for role in Role], default="submitter")
    create.add_argument("--days", type=_days, metavar="N", help="how long it is good; for ever")
    create.add_argument(
        "--comparisons", type=int, metavar="N", help="of its own at once; as the service says"
    )
    create.add_argument(
        "--worker-seconds", type=float, metavar="N", help="in a month; as the service says"
    )
    add(actions, "revoke", revoke_key, "end a key").add_argument("id", metavar="KEY")
    add(every, "me", show_me, "whose key this is, and what it has used")
    audit = add(every, "audit", show_audit, "who did what, the latest first, with an admin's key")
    audit.add_argument("--actor", metavar="NAME", help="what the key of this name did")
    audit.add_argument(
        "--subject", metavar="WORD", help="comparison, study, trial, key, session; or an id"
    )
    audit.add_argument("--since", type=_moment, metavar="TIME", help="ISO 8601, in UTC")
    audit.add_argument("--until", type=_moment, metavar="TIME", help="ISO 8601, in UTC")
    audit.add_argument("--limit", type=int, default=50, help="default: %(default)s")


def list_keys(client: Client, options: argparse.Namespace) -> int:
    """Every key, one a line."""
    keys = client.accounts.keys()
    if options.json:
        return print_json(keys)
    table = plain_table("id", "name", "role", "state", "ends", "last used")
    for key in keys:
        ends, used = _date(key.expires_at), _age(key)
        table.add_row(key.id, key.name, key.role, key.state, ends, used)
    console().print(table)
    return FINISHED


def create_key(client: Client, options: argparse.Namespace) -> int:
    """Make a key and print its secret, this once."""
    now, days = datetime.now(UTC), options.days
    made = client.accounts.create_key(
        options.name,
        role=Role(options.role),
        expires_at=now + timedelta(days=days) if days else None,
        most_comparisons=options.comparisons,
        most_worker_seconds=options.worker_seconds,
    )
    if options.json:
        return print_json(made)
    console().print(made.secret, soft_wrap=True)
    return FINISHED


def revoke_key(client: Client, options: argparse.Namespace) -> int:
    """End a key."""
    key = client.accounts.revoke_key(options.id)
    if options.json:
        return print_json(key)
    console().print(f"{key.id} ({key.name}) is {key.state}", soft_wrap=True)
    return FINISHED


def show_me(client: Client, options: argparse.Namespace) -> int:
    """Whose key it is, and what it has used."""
    me = client.accounts.me()
    if options.json:
        return print_json(me)
    told = console()
    told.print(f"{me.name}, {me.role}", soft_wrap=True)
    told.print(f"{_used(me.comparisons)} comparisons that have not ended", soft_wrap=True)
    told.print(f"{_used(me.worker_seconds)} worker-seconds this month", soft_wrap=True)
    return FINISHED


def show_audit(client: Client, options: argparse.Namespace) -> int:
    """Who did what, one a line."""
    deeds = client.accounts.deeds(
        actor=options.actor, subject=options.subject, since=options.since, until=options.until
    )
    found = tuple(itertools.islice(deeds, options.limit))
    if options.json:
        return print_json(found)
    table = plain_table("when", "who", "what", "id", "before", "after", "reason")
    for deed in found:
        when = f"{aware(deed.at):%Y-%m-%d %H:%M:%S}"
        before = deed.before or ""
        table.add_row(
            when, deed.actor, deed.subject, deed.subject_id, before, deed.after, deed.reason
        )
    console().print(table)
    return FINISHED


def _used(quota: QuotaView) -> str:
    used = f"{quota.used:,.0f}"
    return used if quota.limit is None else f"{used} of {quota.limit:,.0f}"


def _date(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "never"


def _age(key: KeyView) -> str:
    if key.last_used_at is None:
        return "never"
    seconds = (datetime.now(UTC) - aware(key.last_used_at)).total_seconds()
    return f"{numbers.age(max(seconds, 0))} ago"


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_DAYS):
        raise argparse.ArgumentTypeError(f"must be 1 to {MOST_DAYS} days, got {text!r}")
    return int(text)


def _moment(text: str) -> datetime:
    try:
        return aware(datetime.fromisoformat(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be a moment as ISO 8601, got {text!r}") from error
