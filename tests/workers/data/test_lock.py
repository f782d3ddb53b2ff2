"""A lock is held by one at a time, though its file goes with each that held it."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from workers.data.lock import alone


def test_two_never_hold_it_at_once_and_nothing_is_left(tmp_path: Path) -> None:
    inside, most = [0], [0]

    def enter_often() -> None:
        for _ in range(25):
            with alone(tmp_path / "lock"):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.0002)  # lets the others run
                inside[0] -= 1

    with ThreadPoolExecutor(6) as pool:
        for one in [pool.submit(enter_often) for _ in range(6)]:
            one.result()
    assert most == [1]
    assert list(tmp_path.iterdir()) == []


def test_who_waits_is_told(tmp_path: Path) -> None:
    told: list[str] = []

    def wait() -> None:
        with alone(tmp_path / "lock", waiting=lambda: told.append("waiting")):
            pass

    with ThreadPoolExecutor(1) as pool:
        with alone(tmp_path / "lock"):
            waiting = pool.submit(wait)
            while not told:
                time.sleep(0.001)
        waiting.result()
    assert told == ["waiting"]
