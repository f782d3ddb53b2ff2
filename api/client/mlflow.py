"""An MLflow tracking server, by its REST API: experiments, runs, batches of metrics."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import httpx
from pydantic import BaseModel, Field, ValidationError

from api.client.errors import ClientError, Unreachable, Unreadable
from api.client.transport import LOOPBACK

API = "/api/2.0/mlflow"
MOST_METRICS = 1000
"""Of a batch, with its tags and parameters."""
MOST_PARAMS = 100
MOST_TAG_CHARACTERS = 5000
TIMEOUT_SECONDS = 60.0
RUNS_A_PAGE = 1000

BodyT = TypeVar("BodyT", bound=BaseModel)


class Metric(BaseModel):
    """One value of a metric."""

    key: str
    value: float
    timestamp: int
    """Milliseconds since 1970."""
    step: int


class _Experiment(BaseModel):
    experiment_id: str


class _Experiments(BaseModel):
    experiments: tuple[_Experiment, ...] = ()


class _Tag(BaseModel):
    key: str
    value: str


class _Info(BaseModel):
    run_id: str


class _Data(BaseModel):
    tags: tuple[_Tag, ...] = ()


class _Run(BaseModel):
    info: _Info
    data: _Data = Field(default_factory=_Data)


class _OneRun(BaseModel):
    run: _Run


class _Runs(BaseModel):
    runs: tuple[_Run, ...] = ()
    next_page_token: str | None = None


class _Done(BaseModel):
    """An answer that says nothing more."""


class MlflowRefused(ClientError):
    """The MLflow server did not do what was asked."""


class MlflowServer:
    """Asks a server; every method raises a `ClientError` where it gets no good answer.

    Args:
        url: Where it is.
        environment: Holds, where the server asks for them, ``MLFLOW_TRACKING_TOKEN``, or
            ``MLFLOW_TRACKING_USERNAME`` and ``MLFLOW_TRACKING_PASSWORD``, as MLflow's own client.

    Raises:
        Unreadable: Where the URL cannot be one.
    """

    def __init__(self, url: str, environment: Mapping[str, str]) -> None:
        parsed = _parsed(url)
        self.url = url.rstrip("/")
        token = environment.get("MLFLOW_TRACKING_TOKEN")
        user = environment.get("MLFLOW_TRACKING_USERNAME")
        self._http = httpx.Client(
            base_url=self.url + API,
            timeout=TIMEOUT_SECONDS,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            auth=(user, environment.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None,
            trust_env=parsed.host not in LOOPBACK,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def experiment_with(self, tag: str, value: str) -> str | None:
        """The id of the experiment that has this tag, if there is one."""
        wanted = {"max_results": 1, "filter": f"tags.`{tag}` = '{value}'"}
        found = self._post(_Experiments, "experiments/search", wanted).experiments
        return found[0].experiment_id if found else None

    def create_experiment(self, name: str, tags: Mapping[str, str]) -> str:
        """A new experiment's id."""
        body = {"name": name, "tags": _pairs(tags)}
        return self._post(_Experiment, "experiments/create", body).experiment_id

    def tag_experiment(self, experiment_id: str, key: str, value: str) -> None:
        """Give an experiment a tag, in the place of one with this key."""
        body = {"experiment_id": experiment_id, "key": key, "value": value}
        self._post(_Done, "experiments/set-experiment-tag", body)

    def runs(self, experiment_id: str) -> Iterator[tuple[str, dict[str, str]]]:
        """Every run of an experiment: its id and its tags."""
        token: str | None = None
        while True:
            body: dict[str, object] = {
                "experiment_ids": [experiment_id],
                "max_results": RUNS_A_PAGE,
                **({"page_token": token} if token else {}),
            }
            page = self._post(_Runs, "runs/search", body)
            for run in page.runs:
                yield run.info.run_id, {tag.key: tag.value for tag in run.data.tags}
            token = page.next_page_token
            if not token:
                return

    def create_run(self, experiment_id: str, name: str, began: int, tags: Mapping[str, str]) -> str:
        """A new run's id; ``began`` is in milliseconds since 1970."""
        body = {
            "experiment_id": experiment_id,
            "run_name": name,
            "start_time": began,
            "tags": _pairs(tags),
        }
        return self._post(_OneRun, "runs/create", body).run.info.run_id

    def log(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """One batch; see `MOST_METRICS` and `MOST_PARAMS`."""
        body = {
            "run_id": run_id,
            "metrics": [metric.model_dump() for metric in metrics],
            "params": _pairs(params or {}),
            "tags": _pairs(tags or {}),
        }
        self._post(_Done, "runs/log-batch", body)

    def set_status(self, run_id: str, status: str, ended: int | None) -> None:
        """Where a run stands, and when it ended in milliseconds since 1970."""
        body = {"run_id": run_id, "status": status, **({"end_time": ended} if ended else {})}
        self._post(_Done, "runs/update", body)

    def _post(self, kind: type[BodyT], path: str, body: Mapping[str, object]) -> BodyT:
        try:
            answer = self._http.post(f"/{path}", json=body)
        except httpx.TransportError as error:
            why = str(error) or type(error).__name__
            raise Unreachable(f"no answer from MLflow at {self.url} ({why})") from error
        if not answer.is_success:
            raise MlflowRefused(f"MLflow at {self.url} refuses {path}: {_words(answer)}")
        try:
            return kind.model_validate_json(answer.content)
        except ValidationError as error:
            raise MlflowRefused(f"{self.url} answers {path}, but not as MLflow does") from error


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Unreadable(f"--to is no URL: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise Unreadable(f"--to must be the http or https URL of an MLflow server, got {url!r}")
    return parsed


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _words(answer: httpx.Response) -> str:
    """What it says of itself, or its status."""
    try:
        message = answer.json()["message"]
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status_code}"
    return f"{message} ({answer.status_code})"
