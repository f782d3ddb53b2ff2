"""One comparison from end to end: start the service, compare, print the verdict, stop.

Run by `make demo`. Everything that it makes lies in ``out/demo``.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.client import Client
from service.up.errors import CannotStart
from service.up.home import free_ports, held
from service.up.leftovers import end_leftovers

ROOT = Path(__file__).parents[1]
OUT = ROOT / "out" / "demo"
HOME = OUT / "home"
SPEC = ROOT / "examples" / "demo.yaml"
START_SECONDS = 120


def main() -> int:
    """Run the demo; 0 where the comparison finished and its report was written."""
    _clear()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("KBFGS_")},
        "KBFGS_HOME": str(HOME),
        "KBFGS_PORT": str(free_ports(1)[0]),
        "PYTHONPATH": str(ROOT),
    }
    began = time.monotonic()
    with _service(environment) as log:
        print(f"the service runs at http://127.0.0.1:{environment['KBFGS_PORT']} (log: {log})")
        submitted = _client(environment, "submit", str(SPEC), "--wait")
        if submitted:
            return submitted
        report = (OUT / "report.html").relative_to(ROOT)
        code = _client(environment, "report", _newest(environment), "--html", str(report))
    print(f"the demo took {time.monotonic() - began:.0f} s; `make up` serves the dashboard")
    return code


def _clear() -> None:
    """An empty folder; what a demo that was killed has left running is ended first."""
    if HOME.exists():
        try:
            with held(HOME) as home:
                end_leftovers(home.processes)
        except CannotStart as refusal:
            raise SystemExit(f"a demo runs already: {refusal}") from refusal
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(mode=0o700, parents=True)  # the log holds the first key


@contextmanager
def _service(environment: dict[str, str]) -> Iterator[Path]:
    """The whole service, started for the body and ended after it."""
    log = OUT / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "up"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_ready(process, log)
        yield log.relative_to(ROOT)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            print(f"the service does not end; killing it (log: {log})", file=sys.stderr)
            process.kill()


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the service says where it is and answers there."""
    print("starting the service ...", flush=True)
    deadline = time.monotonic() + START_SECONDS
    while "/login?token=" not in log.read_text():
        if process.poll() is not None:
            raise SystemExit(f"the service ended at its start:\n{log.read_text()}")
        if time.monotonic() > deadline:
            raise SystemExit(
                f"the service was not ready after {START_SECONDS} s:\n{log.read_text()}"
            )
        time.sleep(0.1)


def _client(environment: dict[str, str], *arguments: str) -> int:
    command = [sys.executable, "-m", "api.client", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def _newest(environment: dict[str, str]) -> str:
    with Client.from_environment(environment) as client:
        return client.page(limit=1).items[0].id


if __name__ == "__main__":
    raise SystemExit(main())
