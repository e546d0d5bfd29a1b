"""The main job: the sample company through every DAG, on a real Airflow, to the printed results.

    python -m partner_warehouse.sandbox.main_job [--keep]

Starts the sandbox's servers and an Airflow on loopback, ingests, builds and publishes, posts the closed months, and
leaves the newest of them to a person. Everything lies under `PARTNER_WAREHOUSE_HOME`; a second run continues there and
changes no number. Whatever was started is stopped at the end, on a fault and on Ctrl-C too.
"""

from __future__ import annotations

import argparse
import fcntl
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from partner_warehouse.errors import ExitStatus, PartnerWarehouseError
from partner_warehouse.sandbox import bank_vault, calendar, report
from partner_warehouse.sandbox.airflow_api import AirflowApi
from partner_warehouse.sandbox.local_airflow import LocalAirflow, User
from partner_warehouse.sandbox.process import SandboxProcess
from partner_warehouse.sandbox.steps import Steps, closed_months
from partner_warehouse.settings import Settings, load_settings

_WIDTH = 120
"""Columns of what is printed into a file or a pipe."""

ADMINISTRATOR = "admin"
APPROVER = "fiona"
USERS = (User(ADMINISTRATOR, "admin"), User(APPROVER, "user"))
"""Fiona works in finance: she may answer approvals, and she prepares nothing."""


@dataclass
class MainJob:
    """One run of the main job in one home."""

    settings: Settings
    console: Console
    database_url: str | None = None
    scale: float | None = None
    began: float = field(default_factory=time.monotonic)

    def run(self, *, keep: bool = False) -> None:
        """Do all of it.

        Args:
            keep: Stay up afterwards, until interrupted.

        Raises:
            PartnerWarehouseError: A step failed; the message says which, with the tail of its log.
        """
        home = self.settings.home
        with ExitStack() as stack:
            stack.enter_context(_only_one(home))
            airflow = stack.enter_context(LocalAirflow(home / "airflow", USERS, database_url=self.database_url))
            airflow.migrate()
            sandbox = stack.enter_context(SandboxProcess(home, scale=self.scale))
            self.say("generating the sample company, preparing Airflow")
            airflow.start(self._environment(sandbox.connections() | bank_vault.connection(home)))
            self.say(f"Airflow and the sandbox's servers are up: {airflow.url}")
            api = stack.enter_context(AirflowApi(airflow.url, ADMINISTRATOR, airflow.passwords[ADMINISTRATOR]))
            fiona = stack.enter_context(AirflowApi(airflow.url, APPROVER, airflow.passwords[APPROVER]))
            steps = Steps(self.settings, airflow, api, fiona, self.say)
            steps.prepare()
            stack.callback(steps.pause)
            steps.ingest_and_build()
            steps.post_history()
            steps.approve_through_airflow()
            steps.report()
            self.say(f"done in {time.monotonic() - self.began:.0f} s")
            report.show(self.console, self.settings, month=closed_months()[-1])
            self._where_to_look(airflow, running=keep)
            if keep:
                self._stay(airflow)

    def say(self, text: str) -> None:
        """One line of progress, with the seconds since the start."""
        self.console.print(f"[dim]{time.monotonic() - self.began:6.1f}[/dim]  {text}", highlight=False)

    def _environment(self, connections: dict[str, str]) -> dict[str, str]:
        """What the tasks see: the settings of this run, and the sandbox's servers as Airflow connections."""
        given = {
            "PARTNER_WAREHOUSE_HOME": str(self.settings.home),
            "PARTNER_WAREHOUSE_AS_OF": calendar.AS_OF.isoformat(),
            "PARTNER_WAREHOUSE_APPROVERS": ",".join(self.settings.approvers),
            "PARTNER_WAREHOUSE_LEDGER_URL": self.settings.ledger_sqlalchemy_url,
            "PARTNER_WAREHOUSE_COMPANY_NAME": self.settings.company_name or "Sample Software GmbH",
        }
        return connections | given

    def _where_to_look(self, airflow: LocalAirflow, *, running: bool) -> None:
        say = self.console.print
        say("\n[bold]Where to look[/bold]")
        say(f"  the published marts  {self.settings.published_path}", highlight=False, soft_wrap=True)
        say(f"  what the gates found {self.settings.home / 'gates' / 'docs'}", highlight=False, soft_wrap=True)
        say(f"  the reports          {self.settings.home / 'reports'}", highlight=False, soft_wrap=True)
        say(f"  what was exported    {self.settings.home / 'exports'}", highlight=False, soft_wrap=True)
        say(f"  the logs             {airflow.logs}", highlight=False, soft_wrap=True)
        say(f"  one payout           partner-warehouse payouts show {closed_months()[-2]}", highlight=False)
        if not running:
            say("  Airflow's pages      make up", highlight=False)
            return
        say(f"  Airflow's pages      {airflow.url}", highlight=False)
        for user in USERS:
            say(f"  log in as            {user.name} / {airflow.passwords[user.name]}", highlight=False)
        say(f"  {closed_months()[-1]} waits for {APPROVER}; Ctrl-C stops everything", highlight=False)

    def _stay(self, airflow: LocalAirflow) -> None:
        while True:
            airflow.check()
            time.sleep(1)


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the home for this process alone.

    Raises:
        PartnerWarehouseError: Another main job runs in it.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".main_job.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise PartnerWarehouseError(f"another main job runs in {home}; stop it first") from error
        yield


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m partner_warehouse.sandbox.main_job", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave Airflow and the sandbox running until Ctrl-C")
    parser.add_argument("--scale", type=float, default=None, help="size of the sample company, 1 is the default")
    options = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    # A supervisor stops us by SIGTERM: leave by the same door as Ctrl-C, so that everything is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        settings = load_settings(as_of=calendar.AS_OF, approvers=(APPROVER,))
        MainJob(settings, console, scale=options.scale).run(keep=options.keep)
    except KeyboardInterrupt:
        console.print("stopped")
        return int(ExitStatus.DONE if options.keep else ExitStatus.FAULT)
    except PartnerWarehouseError as error:
        errors.print(str(error))
        return int(error.exit_status)
    return int(ExitStatus.DONE)


if __name__ == "__main__":
    sys.exit(main())
