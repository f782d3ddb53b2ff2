"""What a list and a comparison cost while the database grows."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.load_seeding import TRIALS_EACH, seed
from service.bootstrap import build
from service.settings import Settings

TRIALS = (100, 1_000, 10_000, 100_000)
POINTS_EACH = 10
TIMES = 40

Figures = dict[str, list[float]]


def curves_of_scale(url: Callable[[int], str], home: Path, picture: Path, *, short: bool) -> None:
    """Measure both at each size, print them and draw them.

    Args:
        url: A new database for a number of trials.
        home: Where secrets lie.
        picture: The SVG to write.
        short: Whether to leave out the largest.
    """
    sizes = TRIALS[:-1] if short else TRIALS
    found: Figures = {"list of 10": [], "one comparison": [], "one trial's curve": []}
    print("CPU-milliseconds a request: " + ", ".join(found))
    for trials in sizes:
        _measure(url(trials), home / str(trials), trials, found)
        print(f"{trials:>8,}  " + "  ".join(f"{values[-1]:6.2f}" for values in found.values()))
    _draw(sizes, found, picture)


def _measure(url: str, home: Path, trials: int, found: Figures) -> None:
    seeded = seed(url, home, trials=trials, points=POINTS_EACH * trials, drivers=1)
    service = build(Settings(home=home, database_url=url))
    one = seeded.comparisons[len(seeded.comparisons) // 2]
    trial = service.trials.of(one)[TRIALS_EACH // 2].id
    asked = (
        lambda: service.comparisons.page(limit=10),
        lambda: service.comparisons.get(one),
        lambda: service.trials.series(one, trial_ids=[trial]),
    )
    for values, ask in zip(found.values(), asked, strict=True):
        values.append(_median(ask))
    service.close()


def _median(ask: Callable[[], object]) -> float:
    """CPU-milliseconds of one call, as other work keeps the machine busy."""
    taken = []
    for _ in range(TIMES):
        start = time.process_time()
        ask()
        taken.append(1000 * (time.process_time() - start))
    return statistics.median(taken)


def _draw(sizes: tuple[int, ...], found: Figures, picture: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.subplots()
    for name, values in found.items():
        axes.plot(sizes[: len(values)], values, marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel="trials stored", ylabel="CPU-ms a request")
    axes.grid(which="both", alpha=0.3)
    axes.legend()
    figure.savefig(picture, metadata={"Date": None})
