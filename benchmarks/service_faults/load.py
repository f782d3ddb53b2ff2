"""Clients who submit, change their minds and look on, and what they were told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from api.client import Client, ClientError
from benchmarks.service_faults.plant import Plant
from service.contracts.states import ENDED_COMPARISONS, ComparisonState
from tests.support.running_service import wait_for

EPOCHS = 12
PAUSE_SECONDS = 0.3
ENDS_WITHIN = 120.0
UNFINISHED = [state for state in ComparisonState if state not in ENDED_COMPARISONS]


def spec(name: str) -> dict[str, object]:
    """A comparison of two searches and their finals: 8 trials."""
    return {
        "name": name,
        "problems": ["mnist-5k-autoencoder"],
        "contenders": [{"optimizer": "kbfgs"}, {"optimizer": "adam"}],
        "budget": {"epochs": EPOCHS},
        "tuning": {"trials": 2, "search": "random"},
        "seeds": 2,
    }


@dataclass
class Load:
    """Who asks, and what each accepted thing was; every client waits for a service that is away.

    Attributes:
        plant: What they ask.
        at_once: Comparisons that run at the same time: with more the end is longer in coming.
        accepted: The names of the comparisons that were answered with 201, by id.
        cancelled: Those of them whose cancellation was accepted.
        refused: What else was answered that is no success.
    """

    plant: Plant
    at_once: int = 3
    accepted: dict[str, str] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def on(self) -> Iterator[None]:
        """Ask during the body; after it, wait until everything that was accepted has ended."""
        asking = (self._submit, self._submit, self._change_minds, self._look, self._look)
        threads = [
            threading.Thread(target=self._repeat, args=(ask, number), daemon=True)
            for number, ask in enumerate(asking)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
        for thread in threads:
            thread.join()
        with self.plant.client() as client:
            wait_for(lambda: not unfinished(client), ENDS_WITHIN, "the end of what was accepted")

    def _repeat(self, ask: Callable[[Client, str], None], number: int) -> None:
        with self.plant.client() as client:
            done = 0
            while not self._stop.wait(PAUSE_SECONDS):
                try:
                    ask(client, f"client {number}, request {done}")
                except ClientError as error:
                    self.refused.append(f"{type(error).__name__}: {error}")
                done += 1

    def _submit(self, client: Client, name: str) -> None:
        if unfinished(client) < self.at_once:
            self._create(client, name)

    def _change_minds(self, client: Client, name: str) -> None:
        identity = self._create(client, name)
        client.cancel(identity)
        self.cancelled.add(identity)

    def _create(self, client: Client, name: str) -> str:
        identity = client.submit(spec(name), idempotency_key=name).id
        self.accepted[identity] = name
        return identity

    def _look(self, client: Client, _name: str) -> None:
        for one in client.page(limit=20).items[-3:]:
            client.metrics(one.id)


def unfinished(client: Client) -> int:
    """How many comparisons have not ended."""
    return len(client.page(limit=50, state=UNFINISHED).items)
