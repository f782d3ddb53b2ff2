"""The cluster and its queue as tables for a terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console

from api.client.tables import aware, plain_table
from service.contracts import numbers
from service.contracts.cluster import ClusterView, QueueEntry


def print_cluster(console: Console, view: ClusterView) -> None:
    """The machines with what is free on them, then what runs and what waits."""
    console.print(view.sentence, soft_wrap=True)
    if view.nodes:
        nodes = plain_table("machine", "CPUs free", "GPUs free", "id")
        for node in view.nodes:
            nodes.add_row(
                node.name,
                numbers.of_all(node.free_cpus, node.cpus),
                numbers.of_all(node.free_gpus, node.gpus),
                node.id[:12],
            )
        console.print(nodes)
    _print_studies(console, "running", view.running)
    _print_studies(console, "waiting", view.waiting)
    if view.waiting_in_all > len(view.waiting):
        console.print(f"and {view.waiting_in_all - len(view.waiting):,} more wait", soft_wrap=True)


def _print_studies(console: Console, word: str, entries: Sequence[QueueEntry]) -> None:
    if not entries:
        console.print(f"nothing is {word}")
        return
    now = datetime.now(UTC)
    table = plain_table(
        word,
        "comparison",
        "kind",
        "problem",
        "contender",
        "trials",
        "priority",
        "owner",
        "for",
        "why",
    )
    for entry in entries:
        table.add_row(
            entry.study_id,
            entry.comparison,
            entry.kind,
            entry.problem,
            entry.contender or "all",
            str(entry.trials),
            str(entry.priority),
            entry.owner,
            numbers.age((now - aware(entry.since)).total_seconds()),
            entry.reason or entry.state,
        )
    console.print(table)
