"""What the tests of kills share: the company and its servers, the steps, the kill points, and what is compared."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from partner_warehouse.landing.layout import received_files, received_records
from partner_warehouse.ledger.payouts import PayoutService
from partner_warehouse.sandbox.calendar import AS_OF, iso_instant
from partner_warehouse.sandbox.company import Company
from partner_warehouse.sandbox.servers.run import Endpoints, connection_variables, serve
from partner_warehouse.settings import SOURCES, load_settings

SEED = 20261012
"""Of the company and of the kill points."""

EARLIER = AS_OF - timedelta(days=3)
"""The first round of ingestion is of this instant and the second of `AS_OF`, so that cursors are killed too."""

ROUNDS = (EARLIER, AS_OF)
INGESTION = tuple(f"ingest {source}" for source in SOURCES)
PERIOD = "2026-09"
PAYOUTS = (f"draft {PERIOD}", f"post {PERIOD}")

_HERE = Path(__file__).parent
_PATIENCE = 300.0
"""Seconds after which a step counts as hung."""

_RUN_TIMES = ("ops",)
"""Published schemas that tell of the runs and not of the business: loads, their times, what each of them quarantined. A
run that was killed after it had landed something fetches it once more, so they differ, and rightly."""

_INSTANTS_OF_PEOPLE = ("submitted_at", "approved_at")
"""When somebody did something in the ledger, by its own clock: two installations are never asked at one instant."""


@dataclass(frozen=True, slots=True)
class Kill:
    """Where a step dies.

    Attributes:
        step: Which step.
        at: The moment of the child itself, from 1; 0 for none; below 0, its rename of that number.
        in_dbt: The moment of the dbt process that it has started; 0 for none.
        after: Instead of these: seconds after the start; 0 for never. It meets the engine in its own code.
    """

    step: str
    at: int = 0
    in_dbt: int = 0
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Whole:
    """What a step came to that lived to its end: its moments and its renames, the moments of its dbt, its seconds."""

    own: int
    turns: int
    in_dbt: int
    seconds: float


@dataclass
class Home:
    """One installation, on the servers of a company.

    Attributes:
        path: Its `PARTNER_WAREHOUSE_HOME`.
        environment: What its children are given.
        killed: The kills that really met their process, in order.
    """

    path: Path
    environment: Mapping[str, str]
    killed: list[Kill] = field(default_factory=list)

    def run(self, step: str) -> Whole:
        """Do a step to its end."""
        began = time.monotonic()
        code, output = self._child(Kill(step))
        assert code == 0, f"{step} ended with {code}, seed {SEED}, after the kills {self.killed}\n{output}"
        seconds = time.monotonic() - began
        own, *turns = self._noted("noted")
        return Whole(own, len(turns), self._noted("noted_in_dbt")[0], seconds)

    def kill(self, kill: Kill) -> bool:
        """Begin a step and kill it. It may come to its end before, since kills leave less to do."""
        code, output = self._child(kill)
        assert code in (0, -signal.SIGKILL), f"{kill} ended with {code}, seed {SEED}, after {self.killed}\n{output}"
        if code:
            self.killed.append(kill)
        return code != 0

    def survive(self, step: str, kills: int, whole: Whole, chance: random.Random) -> None:
        """Kill a step so many times, at moments that are drawn, then do it to its end.

        Args:
            step: Which.
            kills: How many times.
            whole: What the step comes to without a kill.
            chance: The draw.
        """
        done, bound = 0, whole.own
        if kills > 1 and step in INGESTION:
            # What was landed is not done again: each kill goes on about as far as one of so many parts.
            bound = max(10, 2 * whole.own // kills)
        for _ in range(kills + 8):
            if done == kills:
                break
            if self.kill(_drawn(step, whole, bound, chance)):
                done += 1
            else:
                # What was killed had landed most already: only few moments are left.
                bound = max(3, bound // 4)
        assert done == kills, f"{step} was killed {done} times only"
        self.run(step)

    def _noted(self, name: str) -> list[int]:
        path = self.path.parent / f"{self.path.name}.{name}"
        try:
            return [int(number) for number in path.read_text(encoding="ascii").split()]
        except FileNotFoundError:
            return [0]
        finally:
            path.unlink(missing_ok=True)

    def _child(self, kill: Kill) -> tuple[int, str]:
        noted = self.path.parent / self.path.name
        command = [sys.executable, str(_HERE / "one_step.py"), kill.step, str(kill.at), f"{noted}.noted"]
        given = {"CHAOS_DBT": f"{kill.in_dbt}:{noted}.noted_in_dbt", "PYTHONPATH": str(_HERE / "in_dbt")}
        with subprocess.Popen(
            command,
            env={**self.environment, **given},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as child:
            try:
                output, _ = child.communicate(timeout=kill.after or _PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                output, _ = child.communicate()
                if not kill.after:
                    return -1, f"hung\n{output}"
        return child.returncode, output


def _drawn(step: str, whole: Whole, bound: int, chance: random.Random) -> Kill:
    """A moment of the child or of its dbt, a rename, or a time.

    Renames are few among the moments and the most is lost by their order; an engine's work shows no moments at all.
    """
    kind = chance.random()
    if bound > 10 and kind < 0.2:
        return Kill(step, after=round(max(0.5, chance.uniform(0.3, 0.9) * whole.seconds * bound / whole.own), 2))
    if whole.in_dbt and kind < 0.9:
        return Kill(step, in_dbt=chance.randint(1, whole.in_dbt))
    renames = whole.turns * bound // whole.own
    if renames and kind < 0.7:
        return Kill(step, at=-chance.randint(1, renames))
    return Kill(step, at=chance.randint(1, bound))


@dataclass
class World:
    """A company on its servers, and its installations.

    Attributes:
        endpoints: The servers.
        directory: Where the installations lie.
        wholes: By round and step, what the unkilled one came to.
    """

    endpoints: Endpoints
    directory: Path
    wholes: dict[tuple[int, str], Whole] = field(default_factory=dict)

    def home(self, name: str) -> Home:
        """An empty installation that knows the servers, and computes for the sandbox's today."""
        path = self.directory / name
        path.mkdir()
        foreign = ("PARTNER_WAREHOUSE_", "AIRFLOW_CONN_", "CHAOS_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        environment |= connection_variables(self.endpoints.urls)
        environment |= {
            "PARTNER_WAREHOUSE_HOME": str(path),
            "PARTNER_WAREHOUSE_INBOX": str(self.directory / "inbox"),
            "PARTNER_WAREHOUSE_AS_OF": iso_instant(AS_OF),
            "PARTNER_WAREHOUSE_APPROVERS": "fiona",
        }
        return Home(path, environment)

    def unkilled(self, steps: Sequence[str]) -> Home:
        """An installation that goes through all rounds of ingestion, then through other steps."""
        home = self.home("whole")
        for number, step in self._in_order(steps):
            self.wholes[number, step] = whole = home.run(step)
            assert bool(whole.in_dbt) == step.startswith("build "), "a kill in dbt would meet nothing"
        return home

    def killed(self, name: str, kills: Mapping[tuple[int, str], int], steps: Sequence[str], seed: int) -> Home:
        """An installation that goes the same way, killed so many times in each round's steps."""
        home, chance = self.home(name), random.Random(f"{SEED} {seed}")  # noqa: S311
        for number, step in self._in_order(steps):
            home.survive(step, kills.get((number, step), 0), self.wholes[number, step], chance)
        return home

    def _in_order(self, steps: Sequence[str]) -> Iterator[tuple[int, str]]:
        for number, instant in enumerate(ROUNDS):
            self.endpoints.clock.move(instant)
            for step in INGESTION:
                yield number, step
        for step in steps:
            yield len(ROUNDS), step


@contextmanager
def world(directory: Path, *, scale: float, profile: str = "chaos") -> Iterator[World]:
    """Generate a company, and serve it."""
    company = Company.generate(seed=SEED, scale=scale, profile_name=profile)
    with serve(company, now=EARLIER, inbox=directory / "inbox") as endpoints:
        yield World(endpoints, directory)


def published(home: Home) -> dict[str, list[str]]:
    """Every published table but those of the runs: its columns, then its rows as text, sorted."""
    path = home.path / "published" / "partner_marts.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute("SELECT schema_name, table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
        return {
            f"{schema}.{table}": _rows(connection, f'"{schema}"."{table}"')
            for schema, table in tables
            if schema not in _RUN_TIMES
        }


def landed(home: Home) -> dict[str, list[str]]:
    """Every record of the landing as received, once: a run that was killed may land one again, and lose none."""
    found = {}
    with duckdb.connect() as connection:
        for directory in sorted((home.path / "landing").glob("[a-z]*/*")):
            kept = [load for load in sorted(directory.iterdir()) if received_files(load)]
            if kept:
                lines = " UNION ".join(f"SELECT raw FROM {received_records(load)}" for load in kept)
                found[f"{directory.parent.name}.{directory.name} files"] = [
                    "raw",
                    *sorted(row[0] for row in connection.execute(lines).fetchall()),
                ]
            for kind, raw in (("data", "_raw"), ("quarantine", "raw")):
                files = f"{directory}/*/{kind}.parquet"
                rows = connection.execute(f"SELECT DISTINCT {raw} FROM read_parquet(?)", [files]).fetchall()
                found[f"{directory.parent.name}.{directory.name} {kind}"] = [
                    "raw",
                    *sorted(str(row[0]) for row in rows),
                ]
    return found


def drafted(home: Home) -> dict[str, list[str]]:
    """The ledger's drafts that wait: payouts and lines, as the gate on drafts sees them."""
    settings = load_settings(home=home.path, approvers=("fiona",))
    path = home.path.parent / f"{home.path.name}.drafts.duckdb"
    PayoutService(settings).write_drafts(path)
    with duckdb.connect(str(path), read_only=True) as connection:
        found = {table: _rows(connection, f"payouts.{table}") for table in ("draft_payouts", "draft_lines")}
    path.unlink()
    return found


def posted(home: Home) -> list[dict[str, object]]:
    """What the ledger has posted, without the instants of its events."""
    rows = PayoutService(load_settings(home=home.path)).payouts(PERIOD)
    return [{name: value for name, value in row.items() if not name.endswith("_at")} for row in rows]


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    instants = ", ".join(f"'{name}'" for name in _INSTANTS_OF_PEOPLE)
    relation = connection.sql(f"SELECT COLUMNS(name -> name NOT IN ({instants})) FROM {table}")
    header = "\t".join(f"{name} {kind}" for name, kind in zip(relation.columns, relation.types, strict=True))
    return [header, *sorted(repr(row) for row in relation.fetchall())]


def assert_same(killed: Mapping[str, Sequence[str]], whole: Mapping[str, Sequence[str]], told: Sequence[Kill]) -> None:
    """Both are the same tables, byte for byte; else say which rows are not, and after which kills."""
    assert killed.keys() == whole.keys()
    differing = {name: digest(rows) for name, rows in killed.items() if digest(rows) != digest(whole[name])}
    if not differing:
        return
    lines = [f"seed {SEED}, killed at {list(told)}"]
    for name in differing:
        ours, theirs = set(killed[name]), set(whole[name])
        lines.append(f"{name}: {len(killed[name]) - 1} rows, unkilled {len(whole[name]) - 1}")
        lines += [f"  killed only: {row}" for row in sorted(ours - theirs)[:3]]
        lines += [f"  whole only:  {row}" for row in sorted(theirs - ours)[:3]]
    pytest.fail("\n".join(lines))


def digest(rows: Sequence[str]) -> str:
    """Of the canonical text of a table."""
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()
