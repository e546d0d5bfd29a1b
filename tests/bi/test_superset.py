"""The dashboards in a real Apache Superset over a real PostgreSQL: imported twice, every chart queried."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from partner_warehouse.bi.superset import documents
from partner_warehouse.cli import main
from partner_warehouse.publish import serving
from partner_warehouse.settings import ROOT, Settings, load_settings

sys.path.append(str(ROOT / "tests" / "publish"))

import serving_publication

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.timeout(1800)]

READER, PASSWORD = "superset_reader", "reads-only-5d21"
CONFIG = """
import os
SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = "sqlite:///" + os.environ["SUPERSET_HOME"] + "/superset.db"
TALISMAN_ENABLED = False
"""


@pytest.fixture(scope="module")
def superset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A Superset of its own environment, on a free port; its address and login."""
    home: Path = tmp_path_factory.mktemp("superset")
    uv = Path(sys.executable).with_name("uv")
    python, command = home / "venv" / "bin" / "python", str(home / "venv" / "bin" / "superset")
    subprocess.run([sys.executable, "-m", "venv", str(home / "venv")], check=True)
    requirements = ROOT / "requirements" / "superset.txt"
    subprocess.run([uv, "pip", "sync", "--quiet", "--python", python, "--require-hashes", requirements], check=True)
    (home / "superset_config.py").write_text(CONFIG, encoding="utf-8")
    password = secrets.token_hex(8)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")} | {
        "FLASK_APP": "superset",
        "SUPERSET_HOME": str(home),
        "SUPERSET_CONFIG_PATH": str(home / "superset_config.py"),
        "SUPERSET_SECRET_KEY": secrets.token_hex(32),
    }
    person = ("--username", "admin", "--firstname", "A", "--lastname", "B", "--email", "admin@sandbox.example")
    for arguments in (["db", "upgrade"], ["fab", "create-admin", *person, "--password", password], ["init"]):
        subprocess.run([command, *arguments], env=environment, check=True, capture_output=True, timeout=600)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [command, "run", "-h", "127.0.0.1", "-p", str(port)], env=environment, stdout=log, stderr=log
        )
        try:
            _wait(url, server)
            yield {"url": url, "password": password}
        finally:
            server.terminate()
            server.wait(30)


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 180
    while time.monotonic() < until and server.poll() is None:
        with suppress(httpx.HTTPError):
            if httpx.get(f"{url}/health").is_success:
                return
        time.sleep(1)
    pytest.fail("Superset did not come up")


@pytest.fixture
def served(settings: Settings, new_database: Callable[[str], str]) -> dict[str, str]:
    """A publication with all marts, served; the connection of a login that reads it."""
    serving_publication.publish(settings, 7)
    url = new_database("postgresql")
    serving.load(load_settings(serving_url=url))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}' IN ROLE internal_admin")
        directory, database = connection.info.host, connection.info.dbname
    return {"conn_type": "postgres", "login": READER, "password": PASSWORD, "host": directory, "schema": database}


def test_the_dashboards_are_imported_and_every_chart_answers(
    superset: dict[str, str],
    served: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    login = {"conn_type": "http", "host": superset["url"], "login": "admin", "password": superset["password"]}
    monkeypatch.setenv("AIRFLOW_CONN_SUPERSET_DEFAULT", json.dumps(login))
    monkeypatch.setenv("AIRFLOW_CONN_MARTS_BI_DEFAULT", json.dumps(served))
    assert main(["dashboards"]) == 0
    assert main(["dashboards"]) == 0  # an import again replaces
    assert "5 dashboards" in capsys.readouterr().out
    with httpx.Client(base_url=superset["url"], timeout=300) as client:
        answer = client.post(
            "/api/v1/security/login", json={"username": "admin", "password": superset["password"], "provider": "db"}
        )
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        charts = client.get("/api/v1/chart/", params={"q": "(page_size:100)"}).json()
        assert {chart["slice_name"] for chart in charts["result"]} == {
            chart["slice_name"] for chart in documents("charts")
        }
        assert charts["count"] == len(charts["result"])
        assert client.get("/api/v1/dashboard/").json()["count"] == 5
        broken = {}
        for chart in charts["result"]:
            data = client.get(f"/api/v1/chart/{chart['id']}/data/")
            errors = [query.get("error") for query in data.json().get("result", [])] if data.is_success else [data.text]
            if any(errors) or not errors:
                broken[chart["slice_name"]] = errors
        assert broken == {}

    monkeypatch.setenv("AIRFLOW_CONN_SUPERSET_DEFAULT", json.dumps(login | {"password": "wrong"}))
    assert main(["dashboards"]) == 2
    told = capsys.readouterr().err
    assert "login was refused" in told
    assert "wrong" not in told
