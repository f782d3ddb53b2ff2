"""Performance profiles as a figure: the share of problems over the ratio to the best outcome."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from service.contracts.profiles import LARGEST_RATIO, Profiles
from service.contracts.report import Report
from service.exports.canvas import PAGES_INK, inline, style

_TICKS = (1, 1.5, 2, 3, LARGEST_RATIO)


def profile_figure(report: Report, *, colours: Mapping[str, str]) -> str | None:
    """The profiles as an ``<svg>`` element for a page; None where there are none.

    Args:
        report: The report.
        colours: The contenders' colours.
    """
    if report.profiles is None or not report.profiles.contenders:
        return None
    with style(salt=f"{report.comparison_id} profiles", ink=PAGES_INK):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        profile_panel(figure.subplots(), report.profiles, colours=colours)
        return inline(figure)


def profile_panel(plot: Axes, profiles: Profiles, *, colours: Mapping[str, str]) -> None:
    """Every contender's profile on one pair of axes, with its score in the legend.

    Args:
        plot: The axes.
        profiles: At least one.
        colours: The contenders' colours.
    """
    for one in profiles.contenders:
        ratios, shares = zip(*one.steps, strict=True)
        plot.step(
            ratios,
            shares,
            where="post",
            color=colours[one.name],
            linewidth=2,
            label=f"{one.name}: {one.written}",
        )
    plot.set_xscale("log")
    plot.set_xlim(1, LARGEST_RATIO)
    plot.xaxis.set_major_locator(FixedLocator(_TICKS))
    plot.xaxis.set_minor_locator(NullLocator())
    plot.xaxis.set_major_formatter("{x:g}×")
    plot.set_ylim(-0.02, 1.04)
    plot.yaxis.set_major_formatter(PercentFormatter(xmax=1, symbol=" %"))
    plot.set_xlabel("median outcome over the best one")
    plot.set_ylabel(f"share of {len(profiles.problems)} problems")
    plot.grid(visible=True, which="major", color=plot.xaxis.label.get_color(), alpha=0.12)
    plot.legend(frameon=False)
