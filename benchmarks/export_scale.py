"""What an export of 10,000 trials with 1,000,000 points takes: seconds, size, memory.

``python -m benchmarks.export_scale`` fills a new SQLite database and writes each form in a process
of its own, as the web does for a request. ``--trials`` and ``--epochs`` make it smaller.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.load_seeding import write
from service.bootstrap import assemble, build
from service.contracts.forms import DataForm
from service.db.engine import open_engine
from service.db.migrate import migrate
from service.db.unit_of_work import SqlUnits
from service.domain.records import Role
from service.settings import Settings

MEGABYTE = 1e6
CONTENDERS = ("kbfgs", "kfac", "adam", "sgd")


def main() -> None:
    """Print a row for each form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--one", nargs=3, metavar=("HOME", "ID", "FORM"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(*options.one)))
        return
    with TemporaryDirectory() as folder:
        one = filled(Path(folder), trials=options.trials, epochs=options.epochs)
        heads = ("seconds", "CPU s", "first s", "MB", "peak MB", "before MB")
        print(f"{'form':<12}" + "".join(f"{head:>10}" for head in heads), flush=True)
        for form in DataForm:
            command = [sys.executable, "-m", "benchmarks.export_scale", "--one", folder, one, form]
            ran = subprocess.run(command, check=True, capture_output=True, text=True)
            row = json.loads(ran.stdout)
            print(f"{form:<12}" + "".join(f"{row[head]:>10.1f}" for head in heads), flush=True)


def filled(home: Path, *, trials: int, epochs: int) -> str:
    """A database with one finished comparison of four contenders; the comparison's id."""
    settings = Settings(home=home)
    engine = open_engine(settings.database)
    migrate(engine)
    service = assemble(settings, engine)
    owner = service.keys.authenticate(service.keys.create("export", Role.ADMIN).secret)
    spec = {
        "name": "a large one",
        "problems": ["mnist-5k-autoencoder"],
        "contenders": [{"optimizer": name} for name in CONTENDERS],
        "budget": {"epochs": 1},
        "tuning": {"trials": trials // len(CONTENDERS), "search": "random"},
        "seeds": 2,
    }
    one = service.comparisons.create(spec, actor=owner).id
    with SqlUnits(engine).read() as unit:
        keys = [trial.key for trial in unit.trials.of(one)]
    write(service, keys, epochs)
    service.close()
    return one


def measured(home: str, comparison_id: str, form: str) -> dict[str, float]:
    """Seconds, to the first piece and to the last; size; the most memory of this process."""
    service = build(Settings(home=Path(home)))
    before = _peak()
    began = time.perf_counter()
    pieces = service.exports.data(comparison_id, DataForm(form)).pieces
    size = len(next(pieces))
    first = time.perf_counter() - began
    size += sum(map(len, pieces))
    return {
        "seconds": time.perf_counter() - began,
        "CPU s": time.process_time(),
        "first s": first,
        "MB": size / MEGABYTE,
        "peak MB": _peak(),
        "before MB": before,
    }


def _peak() -> float:
    """In MB; what the kernel tells of a process for others counts its parent's memory too."""
    status = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in status if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / MEGABYTE


if __name__ == "__main__":
    main()
