"""The client: `Client` for Python, and the commands `python -m api.client`."""

from api.client.client import Client
from api.client.errors import ClientError, NotAllowed, Refused, ServerFailed, Unreachable

__all__ = ["Client", "ClientError", "NotAllowed", "Refused", "ServerFailed", "Unreachable"]
