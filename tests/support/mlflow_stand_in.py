"""Stands in for an MLflow tracking server: what it is asked must be as MLflow's own checks it.

After mlflow/utils/validation.py of MLflow 3: names, lengths, limits of a batch, parameters that
never change. Metrics are kept as they come, so that one that comes twice is seen.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tests.support.small_server import Answer, Call, small_server

API = "/api/2.0/mlflow/"
Key = Annotated[str, Field(pattern=r"^[/\w.\- :]+$", min_length=1, max_length=250)]
Milliseconds = Annotated[int, Field(ge=0)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


class Tag(Body):
    key: Key
    value: Annotated[str, Field(max_length=8000)]


class Param(Body):
    key: Key
    value: Annotated[str, Field(min_length=1, max_length=500)]  # of older servers


class Metric(Body):
    key: Key
    value: float
    timestamp: Milliseconds
    step: int


class SearchExperiments(Body):
    max_results: Annotated[int, Field(ge=1, le=50_000)]
    filter: Annotated[str, Field(pattern=r"^tags\.`[\w.]+` = '[\w-]+'$")]


class CreateExperiment(Body):
    name: Annotated[str, Field(min_length=1, max_length=500)]
    tags: list[Tag]


class TagExperiment(Body):
    experiment_id: str
    key: Key
    value: Annotated[str, Field(max_length=5000)]


class SearchRuns(Body):
    experiment_ids: list[str]
    max_results: Annotated[int, Field(ge=1, le=50_000)]
    page_token: str | None = None


class CreateRun(Body):
    experiment_id: str
    run_name: str
    start_time: Milliseconds
    tags: list[Tag]


class UpdateRun(Body):
    run_id: str
    status: Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
    end_time: Milliseconds | None = None


class LogBatch(Body):
    run_id: str
    metrics: Annotated[list[Metric], Field(max_length=1000)]
    params: Annotated[list[Param], Field(max_length=100)]
    tags: Annotated[list[Tag], Field(max_length=100)]

    @model_validator(mode="after")
    def _not_too_many(self) -> "LogBatch":
        if len(self.metrics) + len(self.params) + len(self.tags) > 1000:
            raise ValueError("a batch has at most 1000 metrics, parameters and tags together")
        return self


class Refusal(Exception):
    """An answer that is an error."""


@dataclass
class Run:
    """A run as it is kept."""

    experiment_id: str
    info: dict[str, Any]
    tags: dict[str, str]
    params: dict[str, str] = field(default_factory=dict)
    metrics: list[Metric] = field(default_factory=list)


@dataclass
class StandIn:
    """What it was told."""

    page: int = 1000
    """Runs of a page, whatever is asked for."""
    experiments: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def post(self, path: str, body: bytes) -> dict[str, Any]:
        """The answer to a request."""
        self.asked.append(path)
        known = {
            "experiments/search": (SearchExperiments, self._search_experiments),
            "experiments/create": (CreateExperiment, self._create_experiment),
            "experiments/set-experiment-tag": (TagExperiment, self._tag_experiment),
            "runs/search": (SearchRuns, self._search_runs),
            "runs/create": (CreateRun, self._create_run),
            "runs/update": (UpdateRun, self._update_run),
            "runs/log-batch": (LogBatch, self._log),
        }
        kind, answer = known[path]
        if len(body) > 1_000_000:
            raise Refusal("the request is larger than 1 MB")
        return answer(kind.model_validate_json(body))  # type: ignore[attr-defined,operator,no-any-return]

    def history(self, run_id: str, key: str) -> dict[str, Any]:
        """Every value of a metric, in the order in which they came."""
        found = [one.model_dump() for one in self.runs[run_id].metrics if one.key == key]
        return {"metrics": found}

    def _search_experiments(self, wanted: SearchExperiments) -> dict[str, Any]:
        key, value = re.findall(r"`(.*)` = '(.*)'", wanted.filter)[0]
        found = [one for one in self.experiments.values() if one["tags"].get(key) == value]
        return {"experiments": found[: wanted.max_results]} if found else {}

    def _create_experiment(self, wanted: CreateExperiment) -> dict[str, Any]:
        if wanted.name in {one["name"] for one in self.experiments.values()}:
            raise Refusal(f"Experiment '{wanted.name}' already exists.")
        identity = str(len(self.experiments) + 1)
        tags = {tag.key: tag.value for tag in wanted.tags}
        self.experiments[identity] = {"experiment_id": identity, "name": wanted.name, "tags": tags}
        return {"experiment_id": identity}

    def _tag_experiment(self, wanted: TagExperiment) -> dict[str, Any]:
        self.experiments[wanted.experiment_id]["tags"][wanted.key] = wanted.value
        return {}

    def _search_runs(self, wanted: SearchRuns) -> dict[str, Any]:
        found = [run for run in self.runs.values() if run.experiment_id in wanted.experiment_ids]
        first = int(wanted.page_token or 0)
        page = found[first : first + self.page]
        following = (
            {"next_page_token": str(first + self.page)} if found[first + self.page :] else {}
        )
        return {"runs": [_shown(run) for run in page], **following}

    def _create_run(self, wanted: CreateRun) -> dict[str, Any]:
        assert wanted.experiment_id in self.experiments
        identity = f"run{len(self.runs)}"
        info = {"run_id": identity, "run_name": wanted.run_name, "start_time": wanted.start_time}
        run = Run(wanted.experiment_id, info, {tag.key: tag.value for tag in wanted.tags})
        self.runs[identity] = run
        return {"run": _shown(run)}

    def _update_run(self, wanted: UpdateRun) -> dict[str, Any]:
        self.runs[wanted.run_id].info |= wanted.model_dump(exclude_none=True)
        return {}

    def _log(self, wanted: LogBatch) -> dict[str, Any]:
        run = self.runs[wanted.run_id]
        for param in wanted.params:
            if run.params.setdefault(param.key, param.value) != param.value:
                raise Refusal(f"Changing param values is not allowed: {param.key}")
        run.tags |= {tag.key: tag.value for tag in wanted.tags}
        run.metrics += wanted.metrics
        return {}


def _shown(run: Run) -> dict[str, Any]:
    pairs = {
        name: [{"key": key, "value": value} for key, value in values.items()]
        for name, values in (("tags", run.tags), ("params", run.params))
    }
    return {"info": run.info, "data": pairs}


@contextmanager
def stand_in() -> Iterator[tuple[StandIn, str]]:
    """The server, and where it answers, until the body ends."""
    kept = StandIn()

    def answer(call: Call) -> Answer:
        if call.method == "GET":
            query = parse_qs(urlsplit(call.path).query)
            return _json(200, kept.history(query["run_id"][0], query["metric_key"][0]))
        kept.headers.append(dict(call.headers))
        try:
            return _json(200, kept.post(call.path.removeprefix(API), call.body))
        except (Refusal, ValidationError) as error:
            return _json(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": str(error)})

    with small_server(answer) as url:
        yield kept, url


def _json(status: int, value: dict[str, Any]) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})
