"""Figures for Prometheus: what this process was asked, and how the whole service stands."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.usecases.standing import Measured, Watch

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Upper bounds of the histogram's buckets."""


class Metrics:
    """The figures of one application.

    Args:
        watch: Asked at each scrape how all stands.
    """

    def __init__(self, watch: Watch) -> None:
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "kbfgs_http_request_seconds",
            "Seconds from a request to the end of its answer.",
            ("method", "route", "status"),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._points = Counter(
            "kbfgs_ingested_points",
            "Metric points that drivers told, repeats included.",
            registry=self._registry,
        )
        self._registry.register(_Standing(watch))

    def answered(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).observe(seconds)

    def ingested(self, points: int) -> None:
        """Count points that were taken."""
        self._points.inc(points)

    def exposition(self) -> bytes:
        """Everything in Prometheus's text format."""
        return generate_latest(self._registry)


class _Standing(Collector):
    """Asks the database at each scrape; two processes of the web tell the same."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def describe(self) -> Iterable[Metric]:
        """Nothing: to ask the database when the application is made would be too early."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The figures of this moment."""
        measured = self._watch.measure()
        standing = measured.standing
        for subject, counts in (
            ("comparisons", standing.comparisons),
            ("studies", standing.studies),
            ("trials", standing.trials),
        ):
            family = GaugeMetricFamily(
                f"kbfgs_{subject}", f"How many {subject} are in each state.", labels=("state",)
            )
            for state, count in counts.items():
                family.add_metric([state.value], count)
            yield family
        yield from _ages(measured)
        yield CounterMetricFamily(
            "kbfgs_lost_attempts",
            "Attempts that were lost: a driver that was silent or ended too early.",
            value=standing.lost_attempts,
        )
        yield GaugeMetricFamily(
            "kbfgs_cluster_reachable",
            "1 where the cluster answered the dispatcher when it last looked.",
            value=measured.reachable,
        )


def _ages(measured: Measured) -> Iterator[Metric]:
    """How long the oldest of a kind has waited; 0 where nothing of it waits."""
    standing = measured.standing
    for name, about, moment in (
        ("oldest_queued_study", "the oldest queued study was created", standing.queued_since),
        (
            "oldest_submitted_study",
            "the oldest study was submitted whose driver was not heard yet",
            standing.submitted_since,
        ),
        (
            "longest_silence",
            "the running study that is silent longest was last heard",
            standing.silent_since,
        ),
        ("cluster_snapshot", "the dispatcher last looked at the cluster", measured.snapshot_at),
    ):
        yield GaugeMetricFamily(
            f"kbfgs_{name}_seconds", f"Seconds since {about}.", value=measured.age(moment)
        )
