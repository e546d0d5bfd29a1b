"""A range is fetched once more by one command, on a real Airflow, with connections of Airflow's own store."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from partner_warehouse.extract.state import read_cursor
from partner_warehouse.landing.manifest import Manifest, manifests
from partner_warehouse.sandbox.airflow_api import AirflowApi, DagRun
from partner_warehouse.sandbox.local_airflow import LocalAirflow, User
from partner_warehouse.sandbox.process import SandboxProcess
from partner_warehouse.settings import Settings, load_settings

pytestmark = pytest.mark.server

RANGE = {"since": "2026-03-01T00:00:00Z", "until": "2026-10-12T06:00:00Z"}
ONE = {"sources": ["salesforce"], "objects": ["Account"]}


@dataclass
class House:
    """An installation with an Airflow that holds the connection itself."""

    settings: Settings
    url: str
    token: str
    admin: AirflowApi
    secret: str

    def post(self, path: str, document: dict[str, Any]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.post(f"{self.url}/api/v2{path}", json=document, headers=headers, timeout=30.0)

    def finishes(self, run: DagRun) -> str:
        _until(lambda: self.admin.run(run.dag_id, run.run_id).finished)
        return self.admin.run(run.dag_id, run.run_id).state

    def logs(self, run: DagRun) -> str:
        return "\n".join(line for task in self.admin.tasks(run) for line in self.admin.log(run, task, 200))

    def loads(self) -> list[Manifest]:
        return list(manifests(self.settings.landing_dir, "salesforce", "Account"))


def _until(condition: Callable[[], bool], within: float = 90.0) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.3)
    return True


@pytest.fixture(scope="module")
def house(new_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    # As in production: over SQLite, Airflow refuses to create a backfill while the scheduler writes.
    home: Path = tmp_path_factory.mktemp("house")
    settings = load_settings(home=home, sources=("salesforce",))
    environment = {"PARTNER_WAREHOUSE_HOME": str(home), "PARTNER_WAREHOUSE_SOURCES": "salesforce"}
    with (
        SandboxProcess(home, scale=0.1) as sandbox,
        LocalAirflow(
            home / "airflow", (User("admin", "admin"),), database_url=new_database("postgresql+psycopg2")
        ) as airflow,
    ):
        airflow.start(environment)
        password = airflow.passwords["admin"]
        answer = httpx.post(f"{airflow.url}/auth/token", json={"username": "admin", "password": password})
        connection = json.loads(sandbox.connections()["AIRFLOW_CONN_SALESFORCE_DEFAULT"])
        with AirflowApi(airflow.url, "admin", password) as admin:
            house = House(settings, airflow.url, answer.json()["access_token"], admin, connection["password"])
            stored = connection | {"connection_id": "salesforce_default", "extra": json.dumps(connection.get("extra"))}
            assert house.post("/connections", stored).is_success
            assert _until(lambda: "ingest_crm" in admin.dag_ids())
            admin.pause("ingest_crm", paused=False)
            yield house


def test_a_range_lands_without_a_cursor_and_its_secret_is_in_no_log(house: House) -> None:
    run = house.admin.trigger("ingest_crm", RANGE | ONE)
    assert house.finishes(run) == "success", house.logs(run)
    (load,) = house.loads()
    assert load.received > 0
    assert (load.cursor_from, load.cursor_to) == (None, None)
    assert read_cursor(house.settings, "salesforce", "Account") is None
    assert house.secret not in house.logs(run)
    assert not list(manifests(house.settings.landing_dir, "salesforce", "Contact"))


def test_a_backfill_fetches_the_intervals_of_its_runs(house: House) -> None:
    before = len(house.loads())
    answer = house.post(
        "/backfills",
        {
            "dag_id": "ingest_crm",
            "from_date": "2026-03-02T00:00:00Z",
            "to_date": "2026-03-02T02:00:00Z",
            "reprocess_behavior": "none",
            "max_active_runs": 3,
            "dag_run_conf": ONE,
        },
    )
    assert answer.is_success, answer.text

    def runs() -> list[DagRun]:
        return [run for run in house.admin.runs("ingest_crm") if run.run_id.startswith("backfill")]

    assert _until(lambda: len(runs()) == 3 and all(run.finished for run in runs()))
    assert {run.state for run in runs()} == {"success"}, [house.logs(run) for run in runs()]
    assert all(load.cursor_to is None for load in house.loads()[: len(house.loads()) - before])
    assert read_cursor(house.settings, "salesforce", "Account") is None


def test_an_object_that_nobody_has_fails_at_once_and_says_so(house: House) -> None:
    run = house.admin.trigger("ingest_crm", {"sources": ["salesforce"], "objects": ["Acount"]})
    assert house.finishes(run) == "failed"
    assert "no object Acount in salesforce" in house.logs(run)
    assert {task.try_number for task in house.admin.tasks(run) if task.state == "failed"} == {1}
