"""Figures as people read them, the same in sentences, tables, pages and the client.

The pages' format.js follows the same rules, tested against the same examples.
"""

import math
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal

from service.contracts.base import SettingValue
from service.contracts.metrics import Metric

DASH = "\N{EN DASH}"
"""Stands between two bounds, and for what is not known."""

_TIMES = "\N{MULTIPLICATION SIGN}"
_SMALLEST, _LARGEST = -3, 9
"""Powers of ten that are written out."""
_HUNDREDTH = Decimal("0.01")
_AGES = ((86_400, "d"), (3600, "h"), (60, "min"))
_SIZES = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))
_DURATIONS = ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))

Write = Callable[[float | None], str]


def number(value: float | None, digits: int = 3) -> str:
    """A number with so many significant digits: ``60.0``, ``0.410``, ``1,240``, ``3.20e-5``."""
    if value is None or math.isnan(value):
        return DASH
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    rounded = _rounded(value, digits)
    exponent = rounded.adjusted()
    if not _SMALLEST <= exponent <= _LARGEST:
        return f"{rounded.scaleb(-exponent):.{digits - 1}f}e{exponent}"
    if exponent >= digits:
        return f"{_rounded(value, exponent + 1):,.0f}"
    return f"{rounded:,.{digits - 1 - exponent}f}"


def loss(value: float | None) -> str:
    """A loss with three significant digits, and a fourth where it is no zero: ``196.8``, ``60.0``.

    Losses of neighbouring settings often agree in three.
    """
    if value is None or not math.isfinite(value) or value == 0:
        return number(value)
    return number(value, 3 if f"{_rounded(value, 4):.3e}".split("e")[0].endswith("0") else 4)


def percent(value: float | None) -> str:
    """A share in percent, whose sign stands elsewhere: ``98.35``."""
    if value is None or not math.isfinite(value):
        return number(value)
    return str(Decimal(100 * value).quantize(_HUNDREDTH, ROUND_HALF_UP))


def share(value: float | None) -> str:
    """A share in whole percent, with its sign: ``31 %``."""
    return (
        DASH if value is None else f"{Decimal(100 * value).quantize(Decimal(1), ROUND_HALF_UP)} %"
    )


def score(value: float | None) -> str:
    """A figure between 0 and 1, with two decimals: ``0.87``."""
    return DASH if value is None else f"{value:.2f}"


def write_of(metric: Metric) -> Write:
    """How the values of a metric are written below its heading."""
    return percent if metric.is_accuracy else loss


def ratio(value: float | None) -> str:
    """A ratio, with two decimals near 1: ``0.41``, ``1.01``, ``23``."""
    if value is not None and 0.1 <= value < 10:
        return f"{value:.2f}"
    return number(value, 2)


def times(value: float | None) -> str:
    """A ratio with its sign: ``0.41×``."""
    return ratio(value) + _TIMES


def span(low: float | None, high: float | None, *, write: Write = number) -> str:
    """An interval: ``0.37–0.46``, ``at most 0.46``, or nothing where it has no bound."""
    if low is None and high is None:
        return ""
    if low is None:
        return f"at most {write(high)}"
    return f"at least {write(low)}" if high is None else f"{write(low)}{DASH}{write(high)}"


def with_span(
    median: float | None, low: float | None, high: float | None, *, write: Write = number
) -> str:
    """A median with its interval: ``0.41 (0.37–0.46)``."""
    bounds = span(low, high, write=write)
    return write(median) + (f" ({bounds})" if bounds else "")


def p_value(p: float) -> str:
    """A p-value: ``0.023`` or ``< 0.001``."""
    return "< 0.001" if p < 0.001 else f"{p:.2g}"


def probability(p: float) -> str:
    """A p-value with its relation: ``p = 0.023`` or ``p < 0.001``."""
    return f"p {p_value(p)}" if p < 0.001 else f"p = {p_value(p)}"


def setting(value: SettingValue) -> str:
    """A setting's value, numbers with up to four digits: ``0.0032``, ``true``, ``0.9, 0.999``."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _short(value)
        case tuple():
            return ", ".join(map(_short, value))
        case str():
            return value


def settings(point: Mapping[str, SettingValue] | None) -> str:
    """Settings in one line, by name: ``damping 0.3, lr 0.12``."""
    if point is None:
        return DASH
    return ", ".join(f"{name} {setting(value)}" for name, value in sorted(point.items())) or "fixed"


def duration(seconds: float | None) -> str:
    """Seconds in the two largest units that fit: ``4.2 s``, ``3 min 20 s``, ``5 h 12 min``."""
    if seconds is None:
        return DASH
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, smaller, rest in _DURATIONS:
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // smaller} {rest}"
    return f"{whole} s"


def age(seconds: float) -> str:
    """Seconds in the largest unit that fits: ``12 s``, ``3 min``, ``2 h``, ``5 d``."""
    whole = max(0, int(seconds))
    for size, unit in _AGES:
        if whole >= size:
            return f"{whole // size} {unit}"
    return f"{whole} s"


def size(count: float | None) -> str:
    """Bytes in the largest unit that fits: ``98.2 kB``, ``412 MB``, ``1.38 GB``."""
    if count is None:
        return DASH
    for unit, factor in _SIZES:
        if count >= factor:
            return f"{number(count / factor)} {unit}"
    return f"{count:.0f} B"


def counted(count: int, noun: str) -> str:
    """``1 seed``, ``1,200 seeds``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def of_all(part: float | None, whole: float) -> str:
    """``1.5 of 4``; what is not known is a dash."""
    return f"{DASH if part is None else f'{part:g}'} of {whole:g}"


def listed(words: list[str], *, last: str = "and") -> str:
    """``A``, ``A and B``, ``A, B and C``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def _rounded(value: float, digits: int) -> Decimal:
    """The value rounded to so many significant digits, halves away from zero."""
    return Context(prec=digits, rounding=ROUND_HALF_UP).create_decimal(Decimal(value))


def _short(value: float) -> str:
    """Up to four significant digits, without grouping and without zeros that say nothing."""
    mantissa, mark, exponent = number(value, 4).replace(",", "").partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return mantissa + mark + exponent
