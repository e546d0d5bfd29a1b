"""Airflow's REST API, as far as the main job needs it: unpause, trigger, watch, answer an approval, read a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx

from partner_warehouse.errors import NotAllowedError, PartnerWarehouseError

FINISHED = frozenset({"success", "failed"})
"""States that a run does not leave by itself."""

_SETTLED_AFTER = 2.0
"""Seconds between a task starting to wait for an answer and the answer: sooner, the scheduler can lose it."""

_ANSWERS = 15
"""How often an answer is given while Airflow says that the task does not wait for one yet (409)."""


@dataclass(frozen=True, slots=True)
class DagRun:
    """One run of a DAG."""

    dag_id: str
    run_id: str
    state: str
    conf: dict[str, Any]

    @property
    def finished(self) -> bool:
        """Whether it has ended, well or not."""
        return self.state in FINISHED


@dataclass(frozen=True, slots=True)
class TaskInstance:
    """One task of a run; `map_index` is -1 where the task is not mapped."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int
    duration: float | None

    @property
    def label(self) -> str:
        """The task's name, with its index where it is mapped."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


class AirflowApi:
    """A logged-in user's view of Airflow.

    Args:
        url: Where Airflow answers.
        user: Login.
        password: Password of that login.

    Raises:
        NotAllowedError: The login was refused.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self._http = httpx.Client(
            base_url=url, timeout=30.0, transport=httpx.HTTPTransport(retries=3), limits=httpx.Limits(max_connections=4)
        )
        self.user = user
        answer = self._http.post("/auth/token", json={"username": user, "password": password})
        if answer.status_code != httpx.codes.CREATED:
            raise NotAllowedError(f"Airflow refused the login of {user} (HTTP {answer.status_code})")
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def __enter__(self) -> AirflowApi:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def dag_ids(self) -> set[str]:
        """The DAGs that Airflow has parsed and can run."""
        return {dag["dag_id"] for dag in self._get("/dags", limit=100)["dags"]}

    def import_errors(self) -> list[str]:
        """What Airflow could not import, one line each."""
        return [
            f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}"
            for error in self._get("/importErrors")["import_errors"]
        ]

    def set_pool(self, name: str, slots: int, description: str) -> None:
        """Create the pool, or give it this many slots."""
        pool = {"name": name, "slots": slots, "description": description, "include_deferred": False}
        answer = self._http.post("/api/v2/pools", json=pool)
        if answer.status_code == httpx.codes.CONFLICT:
            answer = self._http.patch(f"/api/v2/pools/{name}", json=pool)
        _expect(answer)

    def pause(self, dag_id: str, *, paused: bool) -> None:
        """Pause a DAG, or let its schedule run."""
        _expect(self._http.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": paused}))

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> DagRun:
        """Start a run now."""
        answer = self._http.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf or {}})
        return _dag_run(_expect(answer))

    def run(self, dag_id: str, run_id: str) -> DagRun:
        """One run as it is now."""
        return _dag_run(self._get(f"/dags/{dag_id}/dagRuns/{run_id}"))

    def runs(self, dag_id: str) -> list[DagRun]:
        """The runs of a DAG, newest first."""
        return [_dag_run(run) for run in self._get(f"/dags/{dag_id}/dagRuns", order_by="-run_after")["dag_runs"]]

    def tasks(self, run: DagRun) -> list[TaskInstance]:
        """The tasks of a run."""
        found = self._get(f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances", limit=500)["task_instances"]
        return [
            TaskInstance(task["task_id"], task["map_index"], task["state"], task["try_number"], task["duration"])
            for task in found
        ]

    def xcom(self, run: DagRun, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """What a task left; None where it left nothing."""
        path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        answer = self._http.get(path, params={"map_index": map_index, "deserialize": True})
        return None if answer.status_code == httpx.codes.NOT_FOUND else _expect(answer)["value"]

    def log(self, run: DagRun, task: TaskInstance, lines: int = 25) -> list[str]:
        """The end of a task's log, one event a line."""
        path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task.task_id}/logs/{task.try_number}"
        content = self._get(path, map_index=task.map_index, full_content=True)["content"]
        return [line for event in content for line in _event_lines(event)][-lines:]

    def waiting_approval(self, run: DagRun, task_id: str) -> dict[str, Any] | None:
        """The question that a person is asked, or None while nobody is asked."""
        path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}/-1/hitlDetails"
        answer = self._http.get(path)
        return None if answer.status_code == httpx.codes.NOT_FOUND else dict(_expect(answer))

    def answer(self, run: DagRun, task_id: str, option: str, **said: str) -> None:
        """Answer an approval as this user.

        Args:
            run: The run that asks.
            task_id: The task that asks.
            option: What is chosen.
            said: Fields of its form, by name.

        Raises:
            NotAllowedError: This user is not among those who may answer.
        """
        path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}/-1/hitlDetails"
        for _ in range(_ANSWERS):
            time.sleep(_SETTLED_AFTER)
            answer = self._http.patch(path, json={"chosen_options": [option], "params_input": said})
            if answer.status_code != httpx.codes.CONFLICT:
                break
        if answer.status_code == httpx.codes.FORBIDDEN:
            raise NotAllowedError(f"{self.user} may not answer {task_id} of {run.dag_id}")
        _expect(answer)

    def _get(self, path: str, **params: Any) -> Any:
        return _expect(self._http.get(f"/api/v2{path}", params=params))


def _dag_run(document: dict[str, Any]) -> DagRun:
    return DagRun(document["dag_id"], document["dag_run_id"], document["state"], document.get("conf") or {})


def _event_lines(event: str | dict[str, Any]) -> Iterator[str]:
    """A log event is structured; a fault in it brings its own text, and a decision its reason."""
    if isinstance(event, str):
        yield event
        return
    reason = f": {event['reason']}" if event.get("reason") else ""
    yield f"{event.get('level', '')} {event.get('event', '')}{reason}".strip()
    for error in event.get("error_detail") or ():
        yield f"  {error.get('exc_type')}: {error.get('exc_value')}"


def _expect(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json()
    asked = f"{answer.request.method} {answer.request.url.path}"
    raise PartnerWarehouseError(f"Airflow answered {answer.status_code} to {asked}: {answer.text[:300]}")
