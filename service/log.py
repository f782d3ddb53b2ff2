"""How the service's processes log: text or JSON lines, with the ids of what they are about."""

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

from service.settings import LogFormat, Settings

_TEXT = "%(asctime)s %(levelname)s %(message)s%(ids)s"
_FIELDS = ("asctime", "levelname", "name", "message")
_CHATTY = ("httpx", "alembic")
_about: ContextVar[Mapping[str, str]] = ContextVar("about", default=MappingProxyType({}))


@contextmanager
def about(**ids: str) -> Iterator[None]:
    """Everything that is logged inside carries these ids beside those of the blocks around it."""
    token = _about.set({**_about.get(), **ids})
    try:
        yield
    finally:
        _about.reset(token)


def set_up(settings: Settings) -> None:
    """Let this process log to stderr as the settings say."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_WithIds())
    handler.setFormatter(_formatter(settings.log_format))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _formatter(kind: LogFormat) -> logging.Formatter:
    match kind:
        case "json":
            from pythonjsonlogger.json import JsonFormatter

            return JsonFormatter(
                _FIELDS,
                rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
                datefmt="%Y-%m-%dT%H:%M:%S%z",
                reserved_attrs=(*logging.makeLogRecord({}).__dict__, "ids", "message"),
            )
        case "text":
            return logging.Formatter(_TEXT)


class _WithIds(logging.Filter):
    """Gives each record the ids, for JSON as fields and for text as one word."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything pass."""
        ids = _about.get()
        for name, value in ids.items():
            record.__dict__.setdefault(name, value)
        record.ids = "".join(f" {name}={value}" for name, value in ids.items())
        return True
