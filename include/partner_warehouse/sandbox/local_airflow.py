"""A whole Airflow on this machine: api-server, scheduler and dag-processor as child processes on loopback.

It is what `make run` and the tests of the topology start. State lies under the directory it is given, so a second
start continues where the first one stopped. The services are configured by environment variables alone; the machine's
own Airflow, if it has one, is neither read nor written.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import httpx

from partner_warehouse.errors import PartnerWarehouseError
from partner_warehouse.settings import ROOT

SERVICES: dict[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
}
"""The services and their commands. There is no triggerer: an approval waits in the scheduler, and nothing defers."""

_HEALTHY_WITHIN = 90.0
"""Seconds. Measured: 7 to 15 on two cores; the rest is for a busy machine."""

_SQLITE_PATIENCE = 25
"""Seconds to wait for another service's write: less than a client of the API waits; SQLite's own 5 were too few."""

_STOP_WITHIN = 10.0
"""Seconds between asking a service to stop and stopping it."""


@dataclass(frozen=True, slots=True)
class User:
    """Someone who may log in.

    Attributes:
        name: The login, and the name that the ledger keeps.
        role: A role of Airflow's simple auth manager: viewer, user, op or admin.
    """

    name: str
    role: str


class LocalAirflow:
    """Starts and stops the services. Use as a context manager, so that they end with the block.

    Args:
        home: Airflow's own state: metadata database, task logs, passwords, keys.
        users: Who may log in; each gets a password of its own, kept in `home/passwords.json`.
        database_url: SQLAlchemy URL of the metadata database; default SQLite in `home`.
        parallelism: How many tasks run at once.
        dags: The DAG files.

    Attributes:
        logs: Where the services write their output: `logs` beside `home`.
        port: The loopback port of the pages and the API, a free one at each start.
        passwords: Password by login.
    """

    def __init__(
        self,
        home: Path,
        users: tuple[User, ...],
        *,
        database_url: str | None = None,
        parallelism: int = 4,
        dags: Path = ROOT / "dags",
    ) -> None:
        self.home = home.absolute()
        self.users = users
        self.logs = self.home.parent / "logs"
        for directory in (self.home, self.logs):
            directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.passwords = _keep(self.passwords_file, [user.name for user in users], lambda: secrets.token_urlsafe(9))
        self._environment = _inherited() | self._configuration(
            database_url or f"sqlite:///{self.home / 'airflow.db'}?timeout={_SQLITE_PATIENCE}", parallelism, dags
        )
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """Where the pages and the API answer."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def passwords_file(self) -> Path:
        """The logins, readable by the owner alone."""
        return self.home / "passwords.json"

    def migrate(self) -> None:
        """Begin to create or upgrade the metadata database; `start` waits for it."""
        self._spawn("db-migrate", ("db", "migrate"))

    def start(self, environment: Mapping[str, str], *, within: float = _HEALTHY_WITHIN) -> None:
        """Start the services and wait until each of them says that it is healthy.

        Args:
            environment: What the tasks see besides the environment of this process: settings and connections.
            within: Seconds.

        Raises:
            PartnerWarehouseError: The database could not be migrated, or a service ended or did not become healthy;
                the message holds the tail of its log.
        """
        self._environment |= environment
        if "db-migrate" not in self._processes:
            self.migrate()
        if self._processes["db-migrate"].wait() != 0:
            raise PartnerWarehouseError(f"Airflow's database could not be migrated\n{self.tail('db-migrate')}")
        del self._processes["db-migrate"]
        for name, command in SERVICES.items():
            self._spawn(name, command)
        self._wait_healthy(time.monotonic() + within)

    def check(self) -> None:
        """Raise if a service has ended by itself.

        Raises:
            PartnerWarehouseError: With the name of the service and the tail of its log.
        """
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise PartnerWarehouseError(
                    f"Airflow's {name} ended with status {process.returncode}; its log is {self._log(name)}\n"
                    f"{self.tail(name)}"
                )

    def stop(self) -> None:
        """Stop what runs, with all that it started. Safe to call twice."""
        for process in self._processes.values():
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_WITHIN
        for process in self._processes.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(process, signal.SIGKILL)
                process.wait()
            _signal_group(process, signal.SIGKILL)
        self._processes.clear()

    def tail(self, name: str, lines: int = 15) -> str:
        """The end of a service's log."""
        log = self._log(name)
        if not log.exists():
            return ""
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def __enter__(self) -> LocalAirflow:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _configuration(self, database_url: str, parallelism: int, dags: Path) -> dict[str, str]:
        keys = self._keep_keys()
        bundle = [
            {
                "name": "partner_warehouse",
                "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                "kwargs": {"path": str(dags)},
            }
        ]
        options = {
            "core.executor": "LocalExecutor",
            "core.parallelism": parallelism,
            "core.load_examples": False,
            "core.dags_folder": dags,
            "core.plugins_folder": ROOT / "plugins",
            "core.fernet_key": keys["fernet"],
            "core.execution_api_server_url": f"{self.url}/execution/",
            "core.simple_auth_manager_users": ",".join(f"{user.name}:{user.role}" for user in self.users),
            "core.simple_auth_manager_passwords_file": self.passwords_file,
            "core.max_active_tasks_per_dag": 16,
            "database.sql_alchemy_conn": database_url,
            "api.host": "127.0.0.1",
            "api.port": self.port,
            "api.base_url": self.url,
            "api.workers": 1,
            "api.secret_key": keys["session"],
            "api_auth.jwt_secret": keys["jwt"],
            "logging.base_log_folder": self.home / "logs",
            "dag_processor.dag_bundle_config_list": json.dumps(bundle),
            "dag_processor.parsing_processes": 1,
            "dag_processor.min_file_process_interval": 60,
            "scheduler.enable_health_check": False,
            "scheduler.scheduler_idle_sleep_time": 0.5,
            "usage_data_collection.enabled": False,
        }
        named = {
            f"AIRFLOW__{section.upper()}__{option.upper()}": str(value)
            for (section, option), value in ((name.split("."), value) for name, value in options.items())
        }
        return named | {"AIRFLOW_HOME": str(self.home), "PYTHONUNBUFFERED": "1"}

    def _keep_keys(self) -> dict[str, str]:
        """Keys outlive a run: what one run has encrypted and signed, the next one can read."""
        from cryptography.fernet import Fernet

        path = self.home / "keys.json"
        fernet = _keep(path, ["fernet"], lambda: Fernet.generate_key().decode())
        return fernet | _keep(path, ["session", "jwt"], lambda: secrets.token_urlsafe(48))

    def _spawn(self, name: str, command: Iterable[str]) -> None:
        airflow = Path(sys.executable).with_name("airflow")
        with self._log(name).open("ab") as log:
            self._processes[name] = subprocess.Popen(  # noqa: S603
                [str(airflow), *command],
                env=self._environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _log(self, name: str) -> Path:
        return self.logs / f"airflow-{name}.log"

    def _wait_healthy(self, deadline: float) -> None:
        expected = {"metadatabase", "scheduler", "dag_processor"}
        while True:
            self.check()
            state = _health(self.url)
            waiting = {part for part in expected if state.get(part, {}).get("status") != "healthy"}
            if not waiting:
                return
            if time.monotonic() > deadline:
                raise PartnerWarehouseError(
                    f"Airflow did not become healthy: {', '.join(sorted(waiting))}; the logs are in {self.logs}"
                )
            time.sleep(0.3)


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _inherited() -> dict[str, str]:
    """This process's environment, without what would configure another Airflow."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")}


def _health(url: str) -> dict[str, dict[str, str | None]]:
    try:
        response = httpx.get(f"{url}/api/v2/monitor/health", timeout=5.0)
        response.raise_for_status()
        document: dict[str, dict[str, str | None]] = response.json()
    except httpx.HTTPError:
        return {}
    return document


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal a service and every process that it has started."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _keep(path: Path, names: Iterable[str], new: Callable[[], str]) -> dict[str, str]:
    """Read the named secrets of a file, adding those that are missing. Only the owner can read the file."""
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    missing = [name for name in names if name not in known]
    if missing:
        known |= {name: new() for name in missing}
        path.touch(mode=0o600)
        path.write_text(json.dumps(known, indent=2), encoding="utf-8")
    return {name: known[name] for name in names}
