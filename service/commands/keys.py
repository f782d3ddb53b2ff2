"""`service keys`: makes, lists and revokes API keys."""

import argparse
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta

from service.domain.records import KeyRecord, Role
from service.settings import Settings

_MOST_DAYS = 36_500
"""A century; later dates end in an error of the calendar's."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("keys", help="create, list or revoke API keys")
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="make a key; its secret is printed this once")
    create.add_argument("name", metavar="NAME")
    create.add_argument(
        "--role", choices=[role.value for role in Role], default=Role.SUBMITTER.value
    )
    create.add_argument("--days", type=_days, metavar="N", help="how long it is good; for ever")
    actions.add_parser("list", help="list the keys, without their secrets")
    revoke = actions.add_parser("revoke", help="end a key")
    revoke.add_argument("id", metavar="ID")


def run(arguments: argparse.Namespace) -> None:
    """Do what was asked on the database of the settings."""
    from service.bootstrap import build

    with closing(build(Settings.load())) as service:
        match arguments.action:
            case "create":
                now = datetime.now(UTC)
                expires = now + timedelta(days=arguments.days) if arguments.days else None
                new = service.keys.create(arguments.name, Role(arguments.role), expires=expires)
                sys.stdout.write(f"{new.secret}\n")
            case "list":
                now = datetime.now(UTC)
                lines = (_line(key, now) for key in service.keys.list())
                sys.stdout.writelines(f"{line}\n" for line in lines)
            case "revoke":
                service.keys.revoke(arguments.id)


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_DAYS:
        raise argparse.ArgumentTypeError(f"must be 1 to {_MOST_DAYS} days, got {text!r}")
    return int(text)


def _line(key: KeyRecord, now: datetime) -> str:
    state = "live" if key.live(now) else "revoked" if key.revoked_at else "expired"
    until = f", until {key.expires_at:%Y-%m-%d}" if key.expires_at else ""
    return f"{key.id}  {key.role:<9}  {state:<7}  {key.name}{until}"
