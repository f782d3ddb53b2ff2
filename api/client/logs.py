"""What a comparison's drivers and trials printed, at the command line."""

import argparse
import sys
from collections.abc import Iterator, Sequence

from api.client.client import Client
from api.client.following import entries
from api.client.tables import console
from service.contracts.logs import LogEntry
from service.contracts.text import harmless


def show_logs(client: Client, options: argparse.Namespace) -> int:
    """Print the log, or follow it until the comparison has ended; with ``--json`` a line each."""
    before: LogEntry | None = None
    for entry in _entries(client, options):
        if options.json:
            sys.stdout.write(entry.model_dump_json() + "\n")
        else:
            told = before is not None and before.source == entry.source
            text = entry.text if told else entry.heading + entry.text
            sys.stdout.write(harmless(text) if sys.stdout.isatty() else text)
        sys.stdout.flush()
        before = entry
    if before is None:
        console(to_stderr=True).print("nothing has been printed yet", soft_wrap=True)
    return 0


def _entries(client: Client, options: argparse.Namespace) -> Iterator[LogEntry]:
    def read(last: int) -> tuple[Sequence[LogEntry], int]:
        page = client.logs(options.id, study=options.study, trial=options.trial, after=last)
        return page.items, page.last

    return entries(client, options.id, read, follow=options.follow)
