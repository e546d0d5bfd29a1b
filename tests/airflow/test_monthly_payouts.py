"""A month's approval on a real Airflow: who may answer, what an answer does, and what no answer does."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from partner_warehouse.errors import NotAllowedError
from partner_warehouse.ledger.payouts import PayoutService, PayoutState
from partner_warehouse.orchestration import SERVICE_USER
from partner_warehouse.sandbox.airflow_api import AirflowApi, DagRun
from partner_warehouse.sandbox.local_airflow import LocalAirflow, User
from partner_warehouse.settings import ROOT, Settings, load_settings

sys.path += [str(ROOT / "tests" / "ledger"), str(ROOT / "tests" / "exports")]

import bank_vault
import ledger_publication

pytestmark = pytest.mark.server

USERS = (User("admin", "admin"), User("fiona", "user"), User("mallory", "op"))
VAULT = "AIRFLOW_CONN_BANK_VAULT_DEFAULT"
ACCOUNT = "9988776655"
LINES = [ledger_publication.line(f"line-{month}", "125.50", f"2026-{month:02d}-10") for month in range(1, 7)]


@dataclass
class House:
    """An installation with an Airflow, and the three who log in to it."""

    settings: Settings
    url: str
    admin: AirflowApi
    fiona: AirflowApi
    mallory: AirflowApi
    told: list[str]

    def state(self, period: str) -> PayoutState | None:
        return PayoutService(self.settings).state(period)

    def ask(self, period: str) -> DagRun:
        """Start the month's run and wait until it asks."""
        run = self.admin.trigger("monthly_payouts", {"period": period})
        _until(lambda: self._in_state(run, "approve", "awaiting_input"))
        return run

    def ends(self, run: DagRun, task_id: str, state: str) -> bool:
        """Whether a task reaches this state."""
        return _until(lambda: self._in_state(run, task_id, state))

    def finishes(self, run: DagRun) -> str:
        """The state that a run ends in."""
        _until(lambda: self.admin.run(run.dag_id, run.run_id).finished)
        return self.admin.run(run.dag_id, run.run_id).state

    def _in_state(self, run: DagRun, task_id: str, state: str) -> bool:
        return any(task.task_id == task_id and task.state == state for task in self.admin.tasks(run))


def _until(condition: Callable[[], bool], within: float = 180.0) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.3)
    return True


class Webhook(BaseHTTPRequestHandler):
    """Keeps the texts that are sent to it, as Slack's incoming webhook would get them."""

    told: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def webhook() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Webhook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, webhook: str) -> Iterator[House]:
    home: Path = tmp_path_factory.mktemp("house")
    plans = ledger_publication.plans(home / "plans", base="")
    settings = load_settings(home=home, plans=plans, approvers=("fiona",))
    ledger_publication.publish(settings, LINES)
    environment = {
        "PARTNER_WAREHOUSE_HOME": str(home),
        "PARTNER_WAREHOUSE_PLANS": str(plans),
        "PARTNER_WAREHOUSE_APPROVERS": "fiona",
        "PARTNER_WAREHOUSE_APPROVAL_REMINDER_HOURS": "0.007",  # 25 seconds
        "AIRFLOW_CONN_PAYOUTS_SLACK": json.dumps({"conn_type": "http", "host": webhook}),
    }
    with pytest.MonkeyPatch.context() as patch:
        bank_vault.fill(home / "vault.sqlite", patch, [bank_vault.ach("p1", account_number=ACCOUNT)])
        environment[VAULT] = os.environ[VAULT]
    with LocalAirflow(home / "airflow", USERS) as airflow:
        airflow.start(environment)
        admin, fiona, mallory = (AirflowApi(airflow.url, user.name, airflow.passwords[user.name]) for user in USERS)
        with admin, fiona, mallory:
            assert _until(lambda: "monthly_payouts" in admin.dag_ids())
            # Without the pool, what would refresh the publication waits: there is no warehouse in this house.
            admin.pause("monthly_payouts", paused=False)
            yield House(settings, airflow.url, admin, fiona, mallory, Webhook.told)


def test_only_an_approver_may_answer_and_the_answer_posts_what_was_shown(house: House) -> None:
    run = house.ask("2026-01")
    shown = house.admin.xcom(run, "submit")
    assert shown["totals"] == [["USD", 1, "125.500"]]
    for person in (house.mallory, house.admin):
        with pytest.raises(NotAllowedError):
            person.answer(run, "approve", "Approve")
    house.fiona.answer(run, "approve", "Approve", reason="checked against the January billing")
    assert house.ends(run, "post", "success")
    approval = next(one for one in PayoutService(house.settings).log("2026-01") if one.action == "approve")
    assert approval.reason == "checked against the January billing"
    state = house.state("2026-01")
    assert state is not None
    assert (state.submitted_by, state.approved_by) == (SERVICE_USER, "fiona")
    assert state.content_hash == shown["content_hash"]

    assert house.ends(run, "statements", "success")
    assert house.admin.xcom(run, "export") == {"period": "2026-01", "exceptions": 0, "has_bank_files": True}
    state = house.state("2026-01")
    assert state is not None
    assert state.status == "exported"
    directory = house.settings.home / "exports" / "2026-01"
    assert ACCOUNT in (directory / "nacha.txt").read_text()
    assert (directory / "statements" / "p1.pdf").exists()
    logs = [path for path in house.settings.home.rglob("*.log") if ACCOUNT in path.read_text(errors="replace")]
    assert logs == []


def test_finance_is_told_of_each_step_without_a_partner(house: House) -> None:
    told = [text.splitlines() for text in house.told if "2026-01" in text]
    titles = [lines[0] for lines in told if "still" not in lines[0]]
    assert titles == [
        "*Payouts of 2026-01 wait for approval*",
        "*Payouts of 2026-01 approved by fiona*",
        "*Payouts of 2026-01 exported*",
    ]
    assert told[0][1] == "125.50 USD to 1 partner"
    assert any(lines[-1].startswith(house.url) for lines in told if "wait for approval" in lines[0])
    assert not any("p1" in text.replace("127.0.0.1", "") for text in house.told)


def test_a_month_that_is_approved_ends_the_run_without_a_question(house: House) -> None:
    log = len(PayoutService(house.settings).log())
    run = house.admin.trigger("monthly_payouts", {"period": "2026-01"})
    assert house.finishes(run) == "success"
    assert {task.state for task in house.admin.tasks(run)} == {"skipped"}
    assert len(PayoutService(house.settings).log()) == log


def test_what_waits_is_reminded_of_and_a_rejection_gives_the_month_back_and_posts_nothing(house: House) -> None:
    run = house.ask("2026-02")

    def reminded() -> bool:
        return any("Payouts of 2026-02 still wait for approval" in text for text in house.told)

    if not _until(reminded, within=40):  # a slow machine put the month to approval after the reminder was due
        run = house.ask("2026-02")
    assert _until(reminded)
    house.fiona.answer(run, "approve", "Reject")
    assert house.finishes(run) == "success"
    states = {task.task_id: task.state for task in house.admin.tasks(run)}
    assert (states["post"], states["refresh"], states["reject"]) == ("skipped", "skipped", "success")
    state = house.state("2026-02")
    assert state is not None
    assert state.status == "draft"
    assert any(text.startswith("*Payouts of 2026-02 rejected by fiona*") for text in house.told)


def test_marking_the_question_as_successful_by_hand_posts_nothing(house: House) -> None:
    run = house.ask("2026-02")
    _mark_as_success(house.mallory, run, "approve")
    assert house.ends(run, "post", "failed")
    state = house.state("2026-02")
    assert state is not None
    assert state.status == "submitted"
    task = next(task for task in house.admin.tasks(run) if task.task_id == "post")
    assert task.try_number == 1
    assert any("nobody answered" in line for line in house.admin.log(run, task))


def test_an_answer_to_content_that_has_changed_since_posts_nothing(house: House) -> None:
    run = house.ask("2026-02")
    changed = [line | {"amount": "99.00"} for line in LINES]
    ledger_publication.publish(house.settings, changed)
    house.fiona.answer(run, "approve", "Approve")
    assert house.ends(run, "post", "failed")
    state = house.state("2026-02")
    assert state is not None
    assert state.status == "draft"


def _mark_as_success(person: AirflowApi, run: DagRun, task_id: str) -> None:
    path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}"
    answer: httpx.Response = person._http.patch(path, json={"new_state": "success"})
    assert answer.is_success, answer.text


def test_the_gates_pages_open_for_those_who_are_logged_in_and_for_nobody_else(house: House) -> None:
    docs = house.settings.home / "gates" / "docs" / "payouts"
    assert (docs / "index.html").exists()
    assert httpx.get(f"{house.url}/gates/").status_code == httpx.codes.UNAUTHORIZED
    logged_in = {"Authorization": house.fiona._http.headers["Authorization"]}
    assert "payouts" in httpx.get(f"{house.url}/gates/", headers=logged_in).text
    assert httpx.get(f"{house.url}/gates/payouts/index.html", headers=logged_in).is_success
    outside = httpx.get(f"{house.url}/gates/..%2F..%2Fairflow%2Fpasswords.json", headers=logged_in)
    assert outside.status_code == httpx.codes.NOT_FOUND
