"""The web's command: ``python -m api serve``."""

import argparse
import asyncio
import sys
from functools import partial
from socket import socket

from api.app import create_app
from api.processes import run_together
from api.server import WebServer, listen
from service import log
from service.bootstrap import SchemaMismatch, build
from service.settings import Settings, SettingsRefused

REFUSED = 2
MOST_PROCESSES = 64


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 after a clean end, 2 where it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m api", description="The web of kbfgs.")
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="serve the API and the pages")
    serving.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
    serving.add_argument(
        "--port", type=_port, help="port, 0 for a free one (default: KBFGS_PORT, else 8000)"
    )
    serving.add_argument(
        "--processes", type=_count, default=1, help="how many answer (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        settings = Settings.load()
        log.set_up(settings)
        port = settings.port if options.port is None else options.port
        return serve(settings, host=options.host, port=port, processes=options.processes)
    except (SettingsRefused, SchemaMismatch, OSError) as error:
        print(f"api serve: {error}", file=sys.stderr)
        return REFUSED


def serve(settings: Settings, *, host: str, port: int, processes: int = 1) -> int:
    """Serve until a signal ends it.

    Raises:
        OSError: Where the port cannot be had.
        SchemaMismatch: Where the database does not fit.
    """
    with listen(host, port) as listening:
        build(settings).close()  # each process has connections of its own
        listening.listen()
        address, port = listening.getsockname()[:2]
        print(f"serving on {address}, port {port}", flush=True)
        if processes > 1:
            return run_together(partial(_serve, settings, listening), processes)
        _serve(settings, listening)
    return 0


def _serve(settings: Settings, listening: socket) -> None:
    service = build(settings)
    try:
        asyncio.run(WebServer(create_app(service)).serve([listening]))
    finally:
        service.close()


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_PROCESSES):
        raise argparse.ArgumentTypeError(f"must be 1 to {MOST_PROCESSES}, got {text!r}")
    return int(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 65535, got {text!r}")
    return int(text)


if __name__ == "__main__":
    raise SystemExit(main())
