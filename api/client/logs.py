"""What a comparison's drivers and trials printed, at the command line."""

import argparse
import re
import sys
import time
from collections.abc import Iterator

from api.client.client import Client
from api.client.tables import console
from service.contracts.logs import LogEntry
from service.contracts.states import ENDED_COMPARISONS

POLL_SECONDS = 1.0
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters that are no text; tabs and ends of lines are."""


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


def harmless(text: str) -> str:
    """The text without what would change the terminal of whoever reads it."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def _entries(client: Client, options: argparse.Namespace) -> Iterator[LogEntry]:
    """Entries page by page; what is new is asked for once more after the comparison's end."""
    last = 0
    ended = not options.follow
    while True:
        page = client.logs(options.id, study=options.study, trial=options.trial, after=last)
        yield from page.items
        last = page.last
        if page.items:
            continue
        if ended:
            return
        ended = client.get(options.id).state in ENDED_COMPARISONS
        if not ended:
            time.sleep(POLL_SECONDS)
