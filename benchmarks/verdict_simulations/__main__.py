"""Prints tables of what the verdict's rules do where the truth is known.

Run ``python -m benchmarks.verdict_simulations [--only coverage errors ...]``; docs/verdict.md and
docs/adr/0008 hold the tables.
"""

import argparse
import time

from benchmarks.verdict_simulations.coverage import coverage_table
from benchmarks.verdict_simulations.errors import false_table, looks_table
from benchmarks.verdict_simulations.power import power_table, seeds_table

PARTS = {
    "coverage": coverage_table,
    "errors": false_table,
    "looks": looks_table,
    "power": power_table,
    "seeds": seeds_table,
}


def main() -> None:
    """Print each part that was asked for, with the CPU-seconds it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="these parts")
    parser.add_argument("--simulations", type=int, default=2000, help="of each cell")
    asked = parser.parse_args()
    for name in asked.only:
        began = time.process_time()
        print(f"## {name}\n\n{PARTS[name](asked.simulations)}\n", flush=True)
        spent = time.process_time() - began
        print(f"{asked.simulations:,} simulations each, {spent:.0f} CPU-seconds\n", flush=True)


if __name__ == "__main__":
    main()
