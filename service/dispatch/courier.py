"""Sends the notices of webhooks: signed, to the address that was checked, and again if need be."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from service.dispatch.addresses import AddressRefused, Reachable
from service.domain.errors import StorageUnavailable
from service.domain.webhooks import TAKEN_SECONDS, Delivery, Outcome, signature
from service.usecases.webhooks import Webhooks

logger = logging.getLogger(__name__)

_AT_ONCE = 20
"""Notices that are sent side by side."""
_DEADLINE = 10.0
_EVERY = 1.0
"""Seconds between two looks."""
_USER_AGENT = "kbfgs-webhook/1"


@dataclass(frozen=True, slots=True)
class Courier:
    """Sends what is due."""

    webhooks: Webhooks
    reachable: Reachable
    deadline: float = _DEADLINE
    """Seconds that a receiver has, from the look-up of its name to its status."""

    def look(self) -> int:
        """Send every notice that is due, at most one of each webhook; how many those were."""
        taken = self.webhooks.take(_AT_ONCE, seconds=TAKEN_SECONDS)
        if taken:
            asyncio.run(self._send(taken))
        return len(taken)

    async def _send(self, deliveries: Sequence[Delivery]) -> None:
        # No connection is kept: another host at the same address would be sent over it, and no
        # proxy is asked, which would look up the name anew.
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(
            limits=limits, follow_redirects=False, trust_env=False, timeout=self.deadline
        ) as http:
            await asyncio.gather(*(self._deliver(http, one) for one in deliveries))

    async def _deliver(self, http: httpx.AsyncClient, delivery: Delivery) -> None:
        """Settled as soon as it is tried: the slowest does not hold up what others are told."""
        self.webhooks.settle(delivery, await self._try(http, delivery))

    async def _try(self, http: httpx.AsyncClient, delivery: Delivery) -> Outcome:
        try:
            async with asyncio.timeout(self.deadline):
                status = await self._post(http, delivery)
        except AddressRefused as error:
            return Outcome(None, f"not sent: {error}")
        except TimeoutError:
            return Outcome(None, f"no answer within {self.deadline:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Outcome(None, f"no answer: {type(error).__name__}")
        if 200 <= status < 300:
            return Outcome(status)
        return Outcome(status, f"answered {status}")

    async def _post(self, http: httpx.AsyncClient, delivery: Delivery) -> int:
        """The status that is answered; what else is answered is not read."""
        url = httpx.URL(delivery.url)
        port = url.port or (443 if url.scheme == "https" else 80)
        address = await self.reachable.address_of(url.host, port)
        async with http.stream(
            "POST",
            url.copy_with(host=address),
            content=delivery.body.encode(),
            headers={**self._headers(delivery), "Host": url.netloc.decode()},
            extensions={"sni_hostname": url.host},
        ) as answer:
            return answer.status_code

    def _headers(self, delivery: Delivery) -> dict[str, str]:
        now = int(time.time())
        secret = self.webhooks.secret(delivery.webhook_id)
        return {
            "Content-Type": "application/json",
            "User-Agent": _USER_AGENT,
            "Kbfgs-Webhook": delivery.webhook_id,
            "Kbfgs-Delivery": f"{delivery.webhook_id}-{delivery.key}",
            "Kbfgs-Timestamp": str(now),
            "Kbfgs-Signature": signature(secret, now, delivery.body),
        }


@contextmanager
def on_its_rounds(courier: Courier) -> Iterator[None]:
    """Lets the courier look again and again, in a thread of its own, until the block ends.

    After a look that found something it looks again at once: the next notice may be due.
    """
    stop = threading.Event()

    def look_on() -> None:
        sent = 0
        while not stop.wait(0.0 if sent else _EVERY):
            sent = 0
            try:
                sent = courier.look()
            except StorageUnavailable:
                continue  # the dispatcher's loop says so
            except Exception:
                logger.exception("the notices of webhooks cannot be sent; trying again")

    thread = threading.Thread(target=look_on, name="courier", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(courier.deadline + _EVERY)
