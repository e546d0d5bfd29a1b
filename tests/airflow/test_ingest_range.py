"""Ingestion on a real Airflow with connections of its own store: a range by one command, a source that asks to wait."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from partner_warehouse.extract.http import LONGEST_WAIT
from partner_warehouse.extract.state import read_cursor
from partner_warehouse.landing.manifest import Manifest, manifests
from partner_warehouse.sandbox.airflow_api import AirflowApi, DagRun
from partner_warehouse.sandbox.company import Company
from partner_warehouse.sandbox.local_airflow import LocalAirflow, User
from partner_warehouse.sandbox.process import SandboxProcess
from partner_warehouse.sandbox.profiles import PROFILES, Faults, Profile
from partner_warehouse.sandbox.servers.run import connection_variables, serve
from partner_warehouse.settings import ROOT, Settings, load_settings

pytestmark = pytest.mark.server

RANGE = {"since": "2026-03-01T00:00:00Z", "until": "2026-10-12T06:00:00Z"}
ONE = {"sources": ["salesforce"], "objects": ["Account"]}
ASKED = int(LONGEST_WAIT) + 1
"""Seconds that the billing source asks to wait: more than a call waits by itself."""


@dataclass
class House:
    """An installation with an Airflow that holds the connections itself.

    Attributes:
        limited: A run that was started first, and whose source answered its first request with 429.
    """

    settings: Settings
    url: str
    token: str
    admin: AirflowApi
    secret: str
    limited: DagRun | None = None

    def post(self, path: str, document: dict[str, Any]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.post(f"{self.url}/api/v2{path}", json=document, headers=headers, timeout=30.0)

    def connect(self, source: str, connection: dict[str, Any]) -> None:
        stored = connection | {"connection_id": f"{source}_default", "extra": json.dumps(connection.get("extra"))}
        assert self.post("/connections", stored).is_success

    def finishes(self, run: DagRun, within: float = 180.0) -> str:
        _until(lambda: self.admin.run(run.dag_id, run.run_id).finished, within)
        return self.admin.run(run.dag_id, run.run_id).state

    def logs(self, run: DagRun) -> str:
        return "\n".join(line for task in self.admin.tasks(run) for line in self.admin.log(run, task, 200))

    def loads(self) -> list[Manifest]:
        return list(manifests(self.settings.landing_dir, "salesforce", "Account"))


def _until(condition: Callable[[], bool], within: float = 180.0) -> bool:
    """Whether it comes true in time. Airflow may be too busy to answer for a while."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        with suppress(httpx.TimeoutException):
            if condition():
                return True
        time.sleep(0.3)
    return False


def _dags(directory: Path, *names: str) -> Path:
    """The DAGs with an end, after which their schedule starts nothing.

    Otherwise a full hour that strikes during the tests, or a backfill that is done, would begin a run besides theirs.
    """
    directory.mkdir()
    for name in names:
        text = (ROOT / "dags" / name).read_text(encoding="utf-8")
        ended = text.replace("schedule=HOURLY,", "schedule=HOURLY, end_date=datetime(2026, 3, 3, tzinfo=UTC),")
        assert ended != text
        imports, opening, rest = ended.partition("with DAG(")
        (directory / name).write_text(
            f"{imports}from datetime import UTC, datetime\n\n{opening}{rest}", encoding="utf-8"
        )
    return directory


@pytest.fixture(scope="module")
def billing() -> Iterator[dict[str, Any]]:
    """The connection to a Stripe that answers its first request with 429, and every other one well."""
    faults = Faults(scripted={1: "429"}, retry_after=ASKED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PROFILES, "limited", Profile("limited", PROFILES["clean"].defects, faults))
        company = Company.generate(seed=5, scale=0.03, profile_name="limited")
    with serve(company) as endpoints:
        yield json.loads(connection_variables(endpoints.urls)["AIRFLOW_CONN_STRIPE_DEFAULT"])


@pytest.fixture(scope="module")
def house(
    billing: dict[str, Any], new_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    home: Path = tmp_path_factory.mktemp("house")
    settings = load_settings(home=home, sources=("salesforce", "stripe"))
    environment = {"PARTNER_WAREHOUSE_HOME": str(home), "PARTNER_WAREHOUSE_SOURCES": "salesforce,stripe"}
    # As in production: over SQLite, Airflow refuses to create a backfill while the scheduler writes.
    database = new_database("postgresql+psycopg2")
    dags = _dags(home / "dags", "ingest_crm.py", "ingest_billing.py")
    with (
        SandboxProcess(home, scale=0.1) as sandbox,
        LocalAirflow(home / "airflow", (User("admin", "admin"),), database_url=database, dags=dags) as airflow,
    ):
        airflow.start(environment)
        password = airflow.passwords["admin"]
        answer = httpx.post(f"{airflow.url}/auth/token", json={"username": "admin", "password": password})
        connection = json.loads(sandbox.connections()["AIRFLOW_CONN_SALESFORCE_DEFAULT"])
        with AirflowApi(airflow.url, "admin", password) as admin:
            house = House(settings, airflow.url, answer.json()["access_token"], admin, connection["password"])
            house.connect("salesforce", connection)
            house.connect("stripe", billing)
            assert _until(lambda: {"ingest_crm", "ingest_billing"} <= admin.dag_ids())
            for name in ("ingest_crm", "ingest_billing"):
                admin.pause(name, paused=False)
            # It waits while the other tests run.
            limited = admin.trigger("ingest_billing", {"objects": ["product"]})
            yield replace(house, limited=limited)


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


def test_a_source_that_asks_to_wait_is_asked_again_when_it_said_and_airflow_says_why(house: House) -> None:
    run = house.limited
    assert run is not None
    assert house.finishes(run, within=ASKED + 180.0) == "success", house.logs(run)
    (task,) = (task for task in house.admin.tasks(run) if task.task_id == "stripe.ingest")
    assert task.try_number == 2
    (refused,) = (line for line in house.admin.log(run, replace(task, try_number=1), 200) if "Retry policy" in line)
    assert f"asked to wait {ASKED} s: stripe: GET /v1/events: HTTP 429 rate_limit" in refused
    (load,) = manifests(house.settings.landing_dir, "stripe", "product")
    assert load.landed > 0
