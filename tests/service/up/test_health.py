"""A head that takes no jobs is started again: not too soon, ever more patiently, in one line."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from service.up.child import Child, Program
from service.up.health import Health
from service.up.ray_head import RayHead
from service.up.ray_node import RayNode


@dataclass
class Head:
    """A process that lives on whatever its cluster does, and a time in the test's hand."""

    folder: Path
    works: bool = False
    now: float = 0.0
    asked: int = 0
    says: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        command = (sys.executable, "-c", "import time; time.sleep(600)")
        program = Program("ray", command, dict(os.environ), self.folder / "ray.log", self.folder)
        self.child = Child(program, self.says.append, lambda: self.now)
        self.child.start()
        self.health = Health(self.child, self._answer, lambda: self.now)

    def _answer(self) -> bool:
        self.asked += 1
        return self.works

    def wait(self, seconds: int) -> None:
        """Let time pass second by second, with a look at each."""
        for _ in range(seconds):
            self.now += 1
            self.child.watch()
            self.health.watch()


@pytest.fixture
def head(tmp_path: Path) -> Iterator[Head]:
    head = Head(tmp_path)
    yield head
    head.child.end()


def test_a_head_that_works_is_left_alone_and_seldom_asked(head: Head) -> None:
    head.works = True
    first = head.child.pid
    head.wait(600)
    assert head.health.ready
    assert head.asked == 60
    assert (head.child.pid, head.says) == (first, [])


def test_a_head_that_stops_to_work_is_started_again_after_a_minute(head: Head) -> None:
    head.works = True
    head.wait(1)
    first, head.works = head.child.pid, False
    head.wait(60)
    assert head.child.pid == first
    head.wait(20)
    assert head.child.pid not in (first, None)
    assert head.says == [
        f"ray has taken no jobs for 60 s; starting it again (log: {head.folder / 'ray.log'})"
    ]


def test_a_short_absence_is_forgotten(head: Head) -> None:
    head.works = True
    head.wait(1)
    for _ in range(5):
        head.works = False
        head.wait(50)
        head.works = True
        head.wait(10)
    assert head.says == []


def test_a_head_that_never_works_is_started_ever_more_seldom(head: Head) -> None:
    starts: list[float] = []
    for _ in range(3700):
        before = len(head.says)
        head.wait(1)
        if len(head.says) > before:
            starts.append(head.now)
    pauses = [later - earlier for earlier, later in zip([0.0, *starts], starts, strict=False)]
    assert pauses == pytest.approx([120, 240, 480, 900, 900, 900], abs=5)
    assert not head.health.ready


def test_a_slept_machine_is_no_sick_head(head: Head) -> None:
    head.works = True
    head.wait(1)
    head.works = False
    head.now += 7200
    head.wait(20)
    head.works = True
    head.wait(20)
    assert head.says == []


def test_a_head_that_starts_again_by_itself_has_all_the_time_again(head: Head) -> None:
    head.wait(115)
    process = head.child.pid
    assert process is not None
    os.kill(process, 9)
    while head.child.pid is not None:
        time.sleep(0.01)
    head.wait(100)
    assert [line for line in head.says if "no jobs" in line] == []


def probed(tmp_path: Path, answer: Callable[[httpx.Request], httpx.Response]) -> bool:
    (tmp_path / "token").write_text("sesame")
    head = RayHead(RayNode(tmp_path, tmp_path / "token", cpus=1), 1, 2, 3, 4)
    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        return head.works(http)


def honest(request: httpx.Request) -> httpx.Response:
    assert request.headers["Authorization"] == "Bearer sesame"
    return httpx.Response(404, text="Job no-such-job does not exist")


def test_dashboard_and_agent_must_both_say_that_there_is_no_such_job(tmp_path: Path) -> None:
    asked: list[int | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.port)
        return honest(request)

    assert probed(tmp_path, answer)
    assert asked == [2, 4]


@pytest.mark.parametrize("sick", [2, 4])
@pytest.mark.parametrize("status", [200, 404, 500, None])
def test_any_other_answer_of_either_is_no_sign_of_life(
    tmp_path: Path, sick: int, status: int | None
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.port != sick:
            return honest(request)
        if status is None:
            raise httpx.ReadTimeout("too late", request=request)
        return httpx.Response(status, text="404: Not Found")

    assert not probed(tmp_path, answer)
