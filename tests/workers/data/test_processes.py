"""Several processes on the same files: one works, the others wait; none leaves half a file."""

import hashlib
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.file_server import FileServer, file_server

ROOT = Path(__file__).resolve().parents[3]
CONTENT = bytes(range(256)) * 4096  # 1 MiB
FETCH = """
import sys
from pathlib import Path
from tests.workers.data.test_fetch import Seen, Fetcher, NotFetched, Source, http_client, sha256
url, folder, digits = sys.argv[1:]
watcher = Seen()
watcher.waiting = lambda name: print("waiting", flush=True)
with http_client() as http:
    source = Source(path="set/data.bin", mirrors=(url,), checksum=sha256(digits))
    try:
        Fetcher(http, Path(folder), watcher).fetch(source, check=lambda path: None)
    except NotFetched as error:
        sys.exit(str(error))
print("done")
"""

pytestmark = pytest.mark.process


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with file_server() as running:
        running.files["data.bin"] = CONTENT
        yield running


def fetching(server: FileServer, folder: Path, **options) -> subprocess.Popen[str]:
    digits = hashlib.sha256(CONTENT).hexdigest()
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, server.address("data.bin"), str(folder), digits],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def names(folder: Path) -> set[str]:
    return {path.name for path in (folder / "set").iterdir()}


def test_a_waiting_process_goes_on_when_the_other_is_killed(
    server: FileServer, tmp_path: Path
) -> None:
    server.hold = threading.Event()
    first = fetching(server, tmp_path)
    while not server.asked:
        assert first.poll() is None
    second = fetching(server, tmp_path)
    assert second.stdout is not None
    assert second.stdout.readline() == "waiting\n"
    first.kill()
    first.wait()
    server.hold.set()
    out, err = second.communicate(timeout=30)
    assert (out, err) == ("done\n", "")
    assert (tmp_path / "set" / "data.bin").read_bytes() == CONTENT
    assert names(tmp_path) == {"data.bin"}


def test_a_full_disk_is_named_and_given_back(server: FileServer, tmp_path: Path) -> None:
    """The limit on a file's size is to a process what a full disk is, and ends as one does."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    process = fetching(server, tmp_path, preexec_fn=limit)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"cannot write to {tmp_path}/set: File too large" in err
    assert names(tmp_path) == set()


def test_arrays_on_a_full_disk_leave_nothing(tmp_path: Path) -> None:
    code = (
        "from workers.data import arrays, DataMissing\n"
        "try: arrays('mnist-5k')\nexcept DataMissing as error: print(error)"
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, preexec_fn=limit, capture_output=True, text=True,
        env={"KBFGS_DATA_CACHE": str(tmp_path), "HOME": str(tmp_path)}, check=True,
    )  # fmt: skip
    assert f"cannot write to {tmp_path} (KBFGS_DATA_CACHE)" in told.stdout
    assert list(tmp_path.glob("mnist*")) == []


def test_processes_map_the_same_memory(tmp_path: Path) -> None:
    """What two processes have mapped is the same file, not a copy in each."""
    code = (
        "from workers.data import arrays\nfound = arrays('mnist-5k')['train']\n"
        "found.sum()\nprint('mapped', flush=True)\ninput()"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={"KBFGS_DATA_CACHE": str(tmp_path), "HOME": str(tmp_path)},
        )
        for _ in range(2)
    ]  # fmt: skip
    try:
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == b"mapped\n"
        maps = [
            {one.path for one in psutil.Process(child.pid).memory_maps() if "mnist-5k" in one.path}
            for child in children
        ]
        (path,) = tmp_path.glob("mnist-5k-*/train.npy")
        assert str(path) in maps[0] & maps[1]
    finally:
        for child in children:
            child.communicate(b"\n")
