"""How often may be asked: a bucket of tokens for each key, each study and each stranger's address.

And how many streams of events an asker may listen to. Buckets and counts are this process's own:
with n processes of the web an asker gets up to n times as much.
"""

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from service.domain.errors import TooManyRequests
from service.settings import Settings

BURST_SECONDS = 10.0
"""A bucket holds what comes in so long."""
MOST_ASKERS = 10_000
"""Beyond so many the one who asked longest ago is forgotten, and may then begin anew."""
STREAM_RETRY_SECONDS = 10.0
"""When to ask again for a stream where all are taken: nobody knows when one will end."""


class Buckets:
    """Token buckets: each asker gets some tokens a second, and each request takes one.

    Args:
        rate: Tokens a second; 0 is no limit.
        clock: Seconds that never go back.
    """

    def __init__(self, rate: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._full = max(rate * BURST_SECONDS, 1.0)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many askers are remembered."""
        return len(self._buckets)

    def take(self, asker: str) -> float:
        """Take a token: 0, or the seconds after which there is one."""
        if not self._rate:
            return 0.0
        with self._lock:
            now = self._clock()
            tokens, since = self._buckets.pop(asker, (self._full, now))
            tokens = min(tokens + (now - since) * self._rate, self._full)
            wait = 0.0 if tokens >= 1 else (1 - tokens) / self._rate
            self._buckets[asker] = (tokens if wait else tokens - 1, now)
            while len(self._buckets) > MOST_ASKERS:
                self._buckets.popitem(last=False)
        return wait


EXPORTS_AT_ONCE = 4
"""Of one key or session: exports, capsules, reports drawn or compared; each keeps a thread busy."""


class Streams:
    """Counts what each asker has open; the event loop's thread alone asks.

    Args:
        most: Of one asker; 0 is no limit.
        what: What it is, in words.
    """

    def __init__(self, most: int, what: str = "streams of events") -> None:
        self._most = most
        self._what = what
        self._open: Counter[str] = Counter()

    @contextmanager
    def one(self, asker: str) -> Iterator[None]:
        """One stream more, until the body ends.

        Raises:
            TooManyRequests: Where the asker has as many as it may.
        """
        if self._most and self._open[asker] >= self._most:
            raise TooManyRequests(
                f"{self._most} {self._what} are open with this key or session: end one",
                retry_after=STREAM_RETRY_SECONDS,
            )
        self._open[asker] += 1
        try:
            yield
        finally:
            self._open[asker] -= 1
            self._open += Counter()  # forgets who has none


@dataclass(frozen=True)
class Limits:
    """The limits of one application; every method raises TooManyRequests where one is reached."""

    keys: Buckets
    studies: Buckets
    strangers: Buckets
    streams: Streams
    exports: Streams

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """The limits that the settings name."""
        return cls(
            keys=Buckets(settings.key_requests),
            studies=Buckets(settings.study_requests),
            strangers=Buckets(settings.stranger_requests),
            streams=Streams(settings.key_streams),
            exports=Streams(EXPORTS_AT_ONCE, "exports, capsules, drawn reports or comparisons"),
        )

    def key(self, key_id: str) -> None:
        """Count a request with a key that is good."""
        _check(self.keys.take(key_id), "this key asks")

    def study(self, study_id: str) -> None:
        """Count a request of a study's driver."""
        _check(self.studies.take(study_id), "this study's driver asks")

    def stranger(self, address: str) -> None:
        """Count a request without a key that is good; a good one is never held up by others."""
        _check(self.strangers.take(address), f"without a good key {address} asks")


def _check(wait: float, who: str) -> None:
    if wait:
        raise TooManyRequests(f"{who} too often: try again in {wait:.1f} s", retry_after=wait)
