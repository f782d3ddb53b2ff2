"""Ray's answers as values: against a real head, and for what a head seldom says."""

import time
from collections.abc import Callable, Iterator

import httpx
import psutil
import pytest

from service.dispatch.ray_jobs import RayJobs, ray_client
from service.domain.ports import JobRequest, JobStatus, RunnerUnreachable
from tests.support.control_plane import HeldClock
from tests.support.ray_head import RunningHead, ray_head

JOB = "sleep 300"


@pytest.fixture(scope="module")
def head() -> Iterator[RunningHead]:
    with ray_head(cpus=2) as running:
        yield running


def jobs(head: RunningHead, entrypoint: str) -> RayJobs:
    return RayJobs(ray_client(head.jobs_url, head.token), HeldClock(), entrypoint)


def wait_until(probe: Callable[[], bool], seconds: float = 150) -> None:
    deadline = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


def with_variable(name: str, value: str) -> list[psutil.Process]:
    """The jobs that have a variable; what watches over one has it too, and sleeps for a second."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(name) == value and process.cmdline() == JOB.split():
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.ray
def test_without_its_token_ray_answers_401_or_403(head: RunningHead) -> None:
    for token, status in ((None, 401), ("wrong", 403)):
        with ray_client(head.jobs_url, token) as http:
            assert http.get("/api/jobs/").status_code == status
            body = {"entrypoint": "true"}
            assert http.post("/api/jobs/", json=body).status_code == status
            with pytest.raises(RunnerUnreachable, match=str(status)):
                RayJobs(http, HeldClock()).capacity()


@pytest.mark.ray
def test_a_head_says_what_it_has(head: RunningHead) -> None:
    runner = jobs(head, "true")
    wait_until(lambda: bool(runner.capacity().nodes))  # a head begins without any
    capacity = runner.capacity()
    assert (capacity.reachable, len(capacity.nodes), capacity.cpus) == (True, 1, 2)
    assert capacity.slots(1, 0) == capacity.slots(1, 0, 1 << 20) == 2
    assert capacity.slots(1, 0, 1 << 50) == 0
    wait_until(lambda: runner.capacity().nodes[0].free_cpus == 2, 30)  # Ray sums it up now and then
    (node,) = runner.capacity().nodes
    assert (node.name, node.free_gpus) == ("127.0.0.1", 0)


@pytest.mark.ray
def test_a_job_is_submitted_once_seen_and_stopped(head: RunningHead) -> None:
    runner = jobs(head, JOB)
    request = JobRequest("study-a-s0-1", {"KBFGS_MARK": "stopped"})
    assert runner.status(request.submission_id).status is JobStatus.UNKNOWN
    runner.submit(request)
    runner.submit(request)
    wait_until(lambda: len(with_variable("KBFGS_MARK", "stopped")) == 1)
    assert runner.status(request.submission_id).status is JobStatus.RUNNING
    runner.stop(request.submission_id)
    wait_until(lambda: runner.status(request.submission_id).status is JobStatus.OVER)
    wait_until(lambda: not with_variable("KBFGS_MARK", "stopped"), 10)
    runner.stop(request.submission_id)
    runner.submit(request)
    assert runner.status(request.submission_id).status is JobStatus.OVER, "never twice"
    runner.delete(request.submission_id)
    assert runner.status(request.submission_id).status is JobStatus.UNKNOWN
    runner.delete(request.submission_id)
    runner.stop(request.submission_id)


@pytest.mark.ray
def test_a_killed_driver_is_seen_with_its_exit_code(head: RunningHead) -> None:
    runner = jobs(head, JOB)
    request = JobRequest("study-a-s1-1", {"KBFGS_MARK": "killed"})
    runner.submit(request)
    wait_until(lambda: len(with_variable("KBFGS_MARK", "killed")) == 1)
    with_variable("KBFGS_MARK", "killed")[0].kill()
    wait_until(lambda: runner.status(request.submission_id).status is JobStatus.OVER, 10)
    message = runner.status(request.submission_id).message
    assert "exit code" in message, message


def answering(status: int, **body: object) -> RayJobs:
    transport = httpx.MockTransport(lambda _request: httpx.Response(status, **body))
    return RayJobs(httpx.Client(transport=transport, base_url="http://ray"), HeldClock())


def test_an_id_that_was_used_counts_as_submitted() -> None:
    text = "ValueError: Job with submission_id x already exists. Please use a different one."
    answering(500, text=text).submit(JobRequest("x", {}))


def test_any_other_refusal_is_told() -> None:
    with pytest.raises(RunnerUnreachable, match="Ray answered 500: RuntimeError: no agent"):
        answering(500, text="Traceback ...\nRuntimeError: no agent").submit(JobRequest("x", {}))


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("PENDING", JobStatus.PENDING),
        ("RUNNING", JobStatus.RUNNING),
        ("SUCCEEDED", JobStatus.OVER),
        ("FAILED", JobStatus.OVER),
        ("STOPPED", JobStatus.OVER),
    ],
)
def test_every_status_of_ray_has_a_meaning(said: str, status: JobStatus) -> None:
    assert answering(200, json={"status": said, "message": "m"}).status("x").status is status


@pytest.mark.parametrize("body", [{"status": "DANCING"}, {"state": "RUNNING"}, []])
def test_an_answer_that_is_not_understood_is_told(body: object) -> None:
    with pytest.raises(RunnerUnreachable):
        answering(200, json=body).status("x")


def test_dead_machines_do_not_count() -> None:
    nodes = [
        {"state": "ALIVE", "resources_total": {"CPU": 4.0, "GPU": 1.0, "memory": 1e9}},
        {"state": "DEAD", "resources_total": {"CPU": 64.0}},
        {"state": "ALIVE", "resources_total": {}},
    ]
    capacity = answering(200, json={"data": {"result": {"result": nodes}}}).capacity()
    assert (capacity.cpus, capacity.gpus, len(capacity.nodes)) == (4, 1, 2)


def cluster(nodes: list[dict[str, object]], usage: httpx.Response) -> RayJobs:
    """A head with these nodes that says this of what is used."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/nodes":
            return usage
        return httpx.Response(200, json={"data": {"result": {"result": nodes}}})

    http = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://ray")
    return RayJobs(http, HeldClock())


TWO_NODES: list[dict[str, object]] = [
    {"state": "ALIVE", "node_id": "a", "node_name": "10.0.0.1", "resources_total": {"CPU": 4.0}},
    {
        "state": "ALIVE",
        "node_id": "b",
        "node_name": "10.0.0.2",
        "resources_total": {"CPU": 8.0, "GPU": 2.0},
    },
]


def test_what_placement_groups_hold_is_not_free() -> None:
    told = {
        "a": "0.0/4.0 CPU\n0B/21.64GiB memory",
        "b": "1.5/8.0 CPU (0.5 used of 2.0 reserved in placement groups)\n"
        "0.0/2.0 GPU (0.0 used of 1.0 reserved in placement groups)",
    }
    usage = httpx.Response(200, json={"data": {"nodeLogicalResources": told}})
    first, second = cluster(TWO_NODES, usage).capacity().nodes
    assert (first.name, first.free_cpus, first.free_gpus) == ("10.0.0.1", 4, 0)
    assert (second.name, second.free_cpus, second.free_gpus) == ("10.0.0.2", 5, 1)


@pytest.mark.parametrize(
    "usage",
    [
        httpx.Response(500, text="Traceback"),
        httpx.Response(200, json={"data": {}}),
        httpx.Response(200, json={"data": {"nodeLogicalResources": {}}}),
    ],
)
def test_a_head_that_does_not_know_what_is_free_still_has_its_machines(
    usage: httpx.Response,
) -> None:
    capacity = cluster(TWO_NODES, usage).capacity()
    assert (capacity.cpus, capacity.gpus) == (12, 2)
    assert [node.free_cpus for node in capacity.nodes] == [None, None]


def test_a_head_that_is_away_is_told() -> None:
    with ray_client("http://127.0.0.1:9", "token") as http, pytest.raises(RunnerUnreachable):
        RayJobs(http, HeldClock()).status("x")


def test_the_entrypoint_is_the_only_command() -> None:
    sent: list[httpx.Request] = []

    def take(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"submission_id": "x"})

    http = httpx.Client(transport=httpx.MockTransport(take), base_url="http://ray")
    RayJobs(http, HeldClock()).submit(JobRequest("x", {"KBFGS_STUDY_ID": "a-s0"}))
    assert b'"entrypoint":"python -m workers run"' in sent[0].content.replace(b": ", b":")
    assert b'"entrypoint_num_cpus":0' in sent[0].content.replace(b": ", b":")
