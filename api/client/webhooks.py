"""The commands about webhooks: ``webhooks add``, ``list`` and ``remove``."""

import argparse
from datetime import UTC, datetime

from api.client.client import Client
from api.client.commands import FINISHED, Add, print_json
from api.client.tables import aware, console, plain_table
from service.contracts import numbers
from service.contracts.states import ComparisonState
from service.contracts.webhooks import WebhookView


def add_commands(every: "argparse._SubParsersAction[argparse.ArgumentParser]", add: Add) -> None:
    """Add the commands to those of the client."""
    hooks = every.add_parser("webhooks", help="URLs that are told when a comparison changes state")
    actions = hooks.add_subparsers(metavar="ACTION", required=True)
    add(actions, "list", list_webhooks, "this key's webhooks, and how their deliveries go")
    new = add(actions, "add", add_webhook, "tell a URL; its secret is printed this once")
    new.add_argument("url", metavar="URL", help="http or https, of a public address")
    new.add_argument(
        "--state",
        action="append",
        choices=[state.value for state in ComparisonState],
        help="of this state; several: of each; all by default",
    )
    remove = add(actions, "remove", remove_webhook, "tell a URL no more")
    remove.add_argument("id", metavar="WEBHOOK", help="its id, as the list has it")


def list_webhooks(client: Client, options: argparse.Namespace) -> int:
    """Every webhook, one a line."""
    webhooks = client.webhooks.list()
    if options.json:
        return print_json(webhooks)
    table = plain_table(
        "id", "url", "states", "owner", "delivered", "waiting", "given up", "last sent", "answer"
    )
    for webhook in webhooks:
        table.add_row(
            webhook.id,
            webhook.url,
            ", ".join(webhook.states) or "all",
            webhook.owner,
            str(webhook.delivered),
            str(webhook.waiting),
            str(webhook.given_up),
            _age(webhook.last_at),
            _answer(webhook),
        )
    console().print(table)
    return FINISHED


def add_webhook(client: Client, options: argparse.Namespace) -> int:
    """Make a webhook and print its secret, this once."""
    states = [ComparisonState(state) for state in options.state or ()]
    made = client.webhooks.add(options.url, states=states)
    if options.json:
        return print_json(made)
    console(to_stderr=True).print(
        f"{made.id} is told at {made.url}; its notices are signed with", soft_wrap=True
    )
    console().print(made.secret, soft_wrap=True)
    return FINISHED


def remove_webhook(client: Client, options: argparse.Namespace) -> int:
    """Remove a webhook, and what it was still to be told."""
    client.webhooks.remove(options.id)
    if options.json:
        return print_json({"removed": options.id})
    console().print(f"{options.id} is removed")
    return FINISHED


def _answer(webhook: WebhookView) -> str:
    """What became of the last notice: ``200``, or why it was not delivered."""
    if webhook.last_error:
        return webhook.last_error
    return "" if webhook.last_status is None else str(webhook.last_status)


def _age(moment: datetime | None) -> str:
    if moment is None:
        return "never"
    seconds = (datetime.now(UTC) - aware(moment)).total_seconds()
    return f"{numbers.age(max(seconds, 0))} ago"
