"""Reads Ray's answers: JSON on this side of the edge, values on the other."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar

import httpx
from pydantic import BaseModel, Field, ValidationError

from service.domain.ports import Job, JobStatus, RunnerUnreachable
from service.domain.records import Capacity, Node

_STATUS = {
    "PENDING": JobStatus.PENDING,
    "RUNNING": JobStatus.RUNNING,
    "STOPPED": JobStatus.OVER,
    "SUCCEEDED": JobStatus.OVER,
    "FAILED": JobStatus.OVER,
}
_LONGEST_MESSAGE = 500
_USAGE = re.compile(
    r"^([\d.]+)/([\d.]+) (CPU|GPU)(?: \(([\d.]+) used of ([\d.]+) reserved.*)?$", re.MULTILINE
)
_M = TypeVar("_M", bound=BaseModel)


class _Job(BaseModel):
    status: str
    message: str | None = None
    driver_exit_code: int | None = None


class _Node(BaseModel):
    node_id: str = ""
    node_name: str = ""
    state: str
    resources_total: Annotated[dict[str, float], Field(default_factory=dict)]


class _Listing(BaseModel):
    result: tuple[_Node, ...]


class _Data(BaseModel):
    result: _Listing


class _Nodes(BaseModel):
    data: _Data


class _Usage(BaseModel):
    nodeLogicalResources: dict[str, str]  # noqa: N815 - as Ray writes it


class _Summary(BaseModel):
    data: _Usage


def check(response: httpx.Response) -> Any:
    """The JSON of a good answer.

    Raises:
        RunnerUnreachable: With the status and the last line of what Ray said.
    """
    if response.is_error:
        said = response.text.strip().rstrip(".\n").splitlines() or [""]
        raise RunnerUnreachable(f"Ray answered {response.status_code}: {said[-1][:500]}")
    return response.json()


def read_job(body: Any) -> Job:
    """Where a job stands, with its exit code where it failed."""
    job = _parse(_Job, body)
    if job.status not in _STATUS:
        raise RunnerUnreachable(f"Ray says that a job is {job.status}, which is not known here")
    if job.driver_exit_code:
        return Job(_STATUS[job.status], f"its driver had exit code {job.driver_exit_code}")
    message = (job.message or "").strip().splitlines()
    return Job(_STATUS[job.status], message[0][:_LONGEST_MESSAGE] if message else "")


def read_capacity(body: Any, *, usage: Any, at: datetime) -> Capacity:
    """The live machines with their CPUs and GPUs.

    Args:
        body: The answer of the state API about nodes.
        usage: The dashboard's summary of them; where it cannot be read, nothing is known free.
        at: When they were asked.
    """
    free = _read_free(usage)
    nodes = _parse(_Nodes, body).data.result.result
    return Capacity(
        at=at,
        reachable=True,
        nodes=tuple(
            Node(
                cpus=node.resources_total.get("CPU", 0.0),
                gpus=node.resources_total.get("GPU", 0.0),
                id=node.node_id,
                name=node.node_name,
                free_cpus=free.get((node.node_id, "CPU")),
                free_gpus=free.get((node.node_id, "GPU")),
                memory=node.resources_total.get("memory", 0.0),
            )
            for node in nodes
            if node.state == "ALIVE"
        ),
    )


def _read_free(body: Any) -> Mapping[tuple[str, str], float]:
    """What nothing has reserved, by machine and resource.

    Ray writes it as text, and what a placement group holds counts as used only while a task has
    it: ``0.5/4.0 CPU (0.5 used of 2.0 reserved in placement groups)`` leaves 2 CPUs free.
    """
    try:
        told = _Summary.model_validate(body).data.nodeLogicalResources
    except ValidationError:
        return {}
    free: dict[tuple[str, str], float] = {}
    for node, text in told.items():
        free[node, "CPU"] = free[node, "GPU"] = 0.0  # a resource that is not there has no line
        for line in _USAGE.finditer(text):
            used, total, in_groups, reserved = (float(one or 0) for one in line.group(1, 2, 4, 5))
            free[node, line[3]] = max(total - used - (reserved - in_groups), 0.0)
    return free


def _parse(model: type[_M], body: Any) -> _M:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise RunnerUnreachable(f"Ray answered something else than expected: {error}") from error
