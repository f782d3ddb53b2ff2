"""Asks a server over and over, by so many clients at once, and measures how long it takes."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

Answer = Awaitable[httpx.Response]
Ask = Callable[[httpx.AsyncClient, int, int], Answer]
"""One request: the client, its number, and how many it has made before."""
MOST_CONNECTIONS = 400


@dataclass(frozen=True)
class Measured:
    """What so many clients saw."""

    name: str
    clients: int
    milliseconds: tuple[float, ...]
    errors: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Requests that went well."""
        return len(self.milliseconds) / self.seconds

    def percentile(self, percent: int) -> float:
        """Milliseconds within which so many percent were answered; nan without two answers."""
        if len(self.milliseconds) < 2:
            return float("nan")
        return statistics.quantiles(self.milliseconds, n=100, method="inclusive")[percent - 1]

    def __str__(self) -> str:
        spread = "  ".join(f"{self.percentile(percent):8.1f}" for percent in (50, 95, 99))
        return (
            f"{self.name:<22}{self.clients:>4}  {spread}  {self.per_second:9.1f}/s  {self.errors}"
        )


def heading(title: str) -> str:
    """The line above the figures."""
    return f"{title:<22}   n       p50       p95       p99   milliseconds        errors"


def measure(name: str, url: str, ask: Ask, *, clients: int, seconds: float) -> Measured:
    """Let so many clients ask for so long, each again as soon as it has its answer."""
    return asyncio.run(_measure(name, url, ask, clients=clients, seconds=seconds))


async def _measure(name: str, url: str, ask: Ask, *, clients: int, seconds: float) -> Measured:
    taken: list[float] = []
    errors = 0
    limits = httpx.Limits(max_connections=MOST_CONNECTIONS)
    async with httpx.AsyncClient(
        base_url=url, timeout=60, limits=limits, trust_env=False
    ) as client:
        began = time.perf_counter()

        async def again_and_again(number: int) -> None:
            nonlocal errors
            done = 0
            while time.perf_counter() - began < seconds:
                start = time.perf_counter()
                try:
                    good = (await ask(client, number, done)).is_success
                except httpx.HTTPError:
                    good = False
                if good:
                    taken.append(1000 * (time.perf_counter() - start))
                errors += not good
                done += 1

        await asyncio.gather(*map(again_and_again, range(clients)))
        return Measured(name, clients, tuple(taken), errors, time.perf_counter() - began)


async def listen(url: str, path: str, *, key: str, listeners: int, seconds: float) -> int:
    """How many of so many listeners to server-sent events hear of something in time."""
    heard = 0
    limits = httpx.Limits(max_connections=None)
    headers = {"Authorization": f"Bearer {key}"}

    async with httpx.AsyncClient(
        base_url=url, timeout=60, limits=limits, headers=headers, trust_env=False
    ) as client:

        async def one() -> None:
            nonlocal heard
            async with client.stream("GET", path) as stream:
                async for line in stream.aiter_lines():
                    if line.startswith("event: "):
                        heard += 1
                        return

        tasks = [asyncio.create_task(one()) for _ in range(listeners)]
        await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return heard
