"""The collector, the clock, the faults on purpose, and the command."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from partner_warehouse.sandbox.__main__ import main
from partner_warehouse.sandbox.company import Company
from partner_warehouse.sandbox.profiles import PROFILES, Faults
from partner_warehouse.sandbox.servers.common import SECRET, FaultPlan
from partner_warehouse.sandbox.servers.run import Endpoints, connection_variables, serve

pytestmark = pytest.mark.server


def collected(client: httpx.Client, url: str, after: str = "", limit: int = 1000) -> list[dict[str, Any]]:
    """All pages of the collector's list."""
    found: list[dict[str, Any]] = []
    while True:
        page = client.get(f"{url}/v1/files", params={"after": after, "limit": limit}).json()
        found += page["files"]
        if not page["has_more"]:
            return found
        after = found[-1]["name"]


def test_the_collector_lists_and_delivers(client: httpx.Client, endpoints: Endpoints) -> None:
    url = endpoints.urls["events"]
    files = collected(client, url, limit=300)
    names = [file["name"] for file in files]
    assert names == sorted(set(names))
    assert collected(client, url, after=names[100]) == files[101:]
    answer = client.get(f"{url}/v1/files/{names[50]}")
    assert len(answer.content) == files[50]["bytes"]
    assert answer.headers["etag"] == f'"{files[50]["etag"]}"'
    hour = names[50].removesuffix(".ndjson.gz").replace("/", "-")
    for line in gzip.decompress(answer.content).splitlines():
        received = json.loads(line)["receivedAt"]
        assert f"{received[:10]}-{received[11:13]}" == hour


def test_the_collector_refuses(client: httpx.Client, endpoints: Endpoints) -> None:
    url = endpoints.urls["events"]
    assert client.get(f"{url}/v1/files", headers={"Authorization": "Bearer x"}).status_code == 401
    assert client.get(f"{url}/v1/files", params={"limit": 1001}).status_code == 400
    assert client.get(f"{url}/v1/files/2020/01/01/00.ndjson.gz").status_code == 404


def test_the_clock_moves_all_sources_and_the_file_drop(client: httpx.Client, flawless: Company, tmp_path: Path) -> None:
    with serve(flawless, inbox=tmp_path) as endpoints:
        url = endpoints.urls
        before = len(collected(client, url["events"]))
        rates = (tmp_path / "fx_rates" / "fx_rates-2026-10.csv").read_text()
        answer = client.post(f"{url['hubspot']}/_sandbox/clock", json={"now": "2026-10-20T06:00:00+02:00"})
        assert answer.json() == {"now": "2026-10-20T04:00:00.000Z"}
        assert client.get(f"{url['stripe']}/_sandbox/clock").json() == answer.json()
        assert len(collected(client, url["events"])) > before
        assert (tmp_path / "fx_rates" / "fx_rates-2026-10.csv").read_text().startswith(rates)
        for wrong in ({"now": "2027-01-01T00:00:00Z"}, {"now": "2026-10-20T06:00:00"}, {"now": "soon"}, {}):
            assert client.post(f"{url['hubspot']}/_sandbox/clock", json=wrong).status_code == 400


def test_the_inbox_is_left_alone_where_nothing_changed(flawless: Company, tmp_path: Path) -> None:
    flawless.write_inbox(tmp_path)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    assert len(stamps) > 30
    flawless.write_inbox(tmp_path)
    assert stamps == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}


@pytest.mark.parametrize("name", ["default", "chaos"])
def test_faults_are_bounded_and_the_same_every_time(name: str) -> None:
    def run() -> tuple[list[tuple[int, str]], Counter[str]]:
        plan = FaultPlan(PROFILES[name].faults, 5, "stripe")
        met, tries = [], 0
        for request in range(400):
            attempts = 0
            while fault := plan.next(f"GET /{request}".encode()):
                attempts += 1
                met.append((request, fault.kind))
                assert fault.retry_after <= 1
            assert attempts <= PROFILES[name].faults.per_request
            tries += attempts
        return met, plan.injected

    first, injected = run()
    assert run()[0] == first
    assert {"429", "429-bare", "500"} <= set(injected)
    assert sum(injected.values()) <= (3 if name == "default" else 60)


def test_no_faults_without_a_plan() -> None:
    plan = FaultPlan(Faults(), 1, "stripe")
    assert not any(plan.next(b"GET /") for _ in range(1000))


def patient(client: httpx.Client, url: str, **params: Any) -> httpx.Response:
    """A get that tries again as long as the other side says that it may."""
    for _ in range(4):
        answer = client.get(url, params=params)
        if answer.status_code < 429:
            return answer
        assert "retry-after" not in answer.headers or int(answer.headers["retry-after"]) <= 1
    raise AssertionError(f"{url} kept failing: {answer.status_code}")


def test_a_patient_client_gets_everything_out_of_chaos(client: httpx.Client) -> None:
    chaos = Company.generate(seed=3, scale=0.05, profile_name="chaos")
    with serve(chaos) as endpoints:
        url = endpoints.urls["stripe"]
        for name in ("charge", "invoice", "customer"):
            found: list[dict[str, Any]] = []
            after: dict[str, str] = {}
            while True:
                page = patient(client, f"{url}/v1/{name}s", limit=5, **after).json()
                found += page["data"]
                if not page["has_more"]:
                    break
                after = {"starting_after": found[-1]["id"]}
            assert [record["id"] for record in found] == [r["id"] for r in reversed(chaos.as_of().stripe(name))]
        assert sum(endpoints.plans["stripe"].injected.values()) >= 4
        statistics = client.get(f"{url}/_sandbox/stats").json()
        assert statistics["faults"] == dict(endpoints.plans["stripe"].injected)


def test_connections_for_airflow(endpoints: Endpoints) -> None:
    variables = connection_variables(endpoints.urls)
    assert len(variables) == 4
    stripe = json.loads(variables["AIRFLOW_CONN_STRIPE_DEFAULT"])
    assert stripe["host"] == endpoints.urls["stripe"]
    assert stripe["password"] == SECRET
    assert stripe["extra"] == {"api_version": "2025-11-17.clover"}
    assert endpoints.description()["connections"] == variables


def test_the_command_serves_until_it_is_told_to_stop(home: Path) -> None:
    command = [sys.executable, "-m", "partner_warehouse.sandbox", "serve", "--home", str(home), "--scale", "0.02"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=dict(os.environ))
    try:
        described = home / "sandbox.json"
        deadline = time.monotonic() + 30
        while not described.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        urls = json.loads(described.read_text())
        answer = httpx.get(f"{urls['stripe']['url']}/v1/charges", auth=(urls["stripe"]["api_key"], ""))
        assert answer.json()["data"]
        assert (home / "inbox" / "fx_rates").is_dir()
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    assert not described.exists()


def test_the_command_can_write_the_files_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inbox", "--home", str(tmp_path), "--scale", "0.02", "--now", "2025-06-01T00:00:00Z"]) == 0
    months = {path.stem[-7:] for path in (tmp_path / "inbox" / "fx_rates").iterdir()}
    assert months == {"2025-03", "2025-04", "2025-05"}
    assert main(["inbox", "--home", str(tmp_path), "--scale", "-1"]) == 2
    assert "scale -1.0" in capsys.readouterr().err
