"""Figures and how they are written, for Python and for the pages' format.js alike."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Written:
    """A function of ``service.contracts.numbers`` by name, what it is given, and what it gives."""

    function: str
    given: tuple[object, ...]
    text: str


def _all(function: str, *pairs: tuple[object, str]) -> tuple[Written, ...]:
    return tuple(
        Written(function, given if isinstance(given, tuple) else (given,), text)
        for given, text in pairs
    )


WRITTEN = (
    *_all(
        "number",
        (60.0, "60.0"),
        (0.41, "0.410"),
        (1240.4, "1,240"),
        (999.96, "1,000"),
        (123456, "123,456"),
        (3.21e-5, "3.21e-5"),
        (1e-7, "1.00e-7"),
        (0.001, "0.00100"),
        (0.00099996, "0.00100"),
        (-66.25, "-66.3"),
        (0.0, "0"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "-∞"),
        (2.5e12, "2.50e12"),
        (9_994_999_999.7, "9,995,000,000"),
    ),
    *_all(
        "loss",
        (60.0, "60.0"),
        (196.7612, "196.8"),
        (59.8712, "59.87"),
        (59.8, "59.8"),
        (0.00123456, "0.001235"),
        (1234.5678, "1,235"),
        (123456.4, "123,456"),
        (1e-7, "1.00e-7"),
        (3.2123e-7, "3.212e-7"),
        (0.0, "0"),
        (None, "–"),
        (math.inf, "∞"),
    ),
    *_all(
        "percent",
        (0.9835, "98.35"),
        (1.0, "100.00"),
        (0.0, "0.00"),
        (0.98765, "98.77"),
        (None, "–"),
        (-math.inf, "-∞"),
    ),
    *_all(
        "setting",
        (0.31622776, "0.3162"),
        (0.3, "0.3"),
        (1.0, "1"),
        (100, "100"),
        (123456, "123456"),
        (1e-7, "1e-7"),
        (3.16227e-5, "3.162e-5"),
        (0.0, "0"),
        (1e12, "1e12"),
        (True, "true"),
        (False, "false"),
        ("dense", "dense"),
        (((0.9, 0.999),), "0.9, 0.999"),
    ),
    *_all(
        "settings",
        (
            {"lr": 0.0031622, "betas": (0.9, 0.999), "safeguard": True, "memory": 100},
            "betas 0.9, 0.999, lr 0.003162, memory 100, safeguard true",
        ),
        ({}, "fixed"),
        (None, "–"),
    ),
    *_all(
        "span",
        ((1, 2), "1.00–2.00"),
        ((None, 2), "at most 2.00"),
        ((1, None), "at least 1.00"),
        ((None, None), ""),
    ),
    *_all(
        "age", (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (7300, "2 h"), (2e5, "2 d"), (-3, "0 s")
    ),
    *_all(
        "counted",
        ((1, "seed"), "1 seed"),
        ((0, "seed"), "0 seeds"),
        ((1200, "seed"), "1,200 seeds"),
    ),
)
