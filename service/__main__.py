"""`python -m service`: everything that is run on the service's machines."""

import argparse
import sys
from collections.abc import Sequence

from service.commands import (
    backup,
    dispatch,
    join,
    keys,
    migrate,
    plan,
    plugins,
    prune,
    score,
    settings,
    up,
)
from service.commands.errors import Refused, in_words
from service.db.errors import ArchiveRefused, SchemaMismatch
from service.domain.errors import ServiceError
from service.settings import SettingsRefused
from service.up.errors import CannotStart

_REFUSED = 2
_REFUSALS = (
    ArchiveRefused,
    OSError,
    CannotStart,
    Refused,
    SchemaMismatch,
    ServiceError,
    SettingsRefused,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit code: 0 where it went well, 2 where it was refused with a line on stderr.
    """
    parser = argparse.ArgumentParser(prog="python -m service", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", required=True)
    for command in (
        up,
        join,
        dispatch,
        migrate,
        keys,
        backup,
        prune,
        settings,
        plan,
        score,
        plugins,
    ):
        command.add_parser(subparsers)
    parsed = parser.parse_args(arguments)
    try:
        parsed.run(parsed)
    except _REFUSALS as error:
        sys.stderr.write(f"{in_words(error)}\n")
        return _REFUSED
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
