"""Runs dbt: one process per layer, over the landing, into the private warehouse file.

dbt is a subprocess because its DuckDB connection would stay open in ours, and one process per layer because a process
per model spends its time starting.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import duckdb

from partner_warehouse.errors import GateFailedError, PartnerWarehouseError
from partner_warehouse.landing.layout import ensure_schema
from partner_warehouse.landing.store import settled
from partner_warehouse.plans.files import keep_copy
from partner_warehouse.plans.validation import validate
from partner_warehouse.settings import Settings
from partner_warehouse.warehouse import completeness
from partner_warehouse.warehouse.lock import exclusive

Layer = Literal["staging", "marts", "ledger"]
LAYERS: tuple[Literal["staging", "marts"], ...] = ("staging", "marts")
"""The layers of a full build, in order. `ledger` is what changes when a payout was posted."""


@dataclass(frozen=True, slots=True)
class NodeResult:
    """What dbt said of one model, seed or test."""

    unique_id: str
    status: str
    seconds: float
    failures: int
    message: str

    @property
    def failed(self) -> bool:
        """Whether it stops the way."""
        return self.status in {"error", "fail", "runtime error"}


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What one layer's process did."""

    layer: Layer
    seconds: float
    nodes: tuple[NodeResult, ...]


def prepare(settings: Settings, *, as_of: datetime | None = None, known_at: datetime | None = None) -> datetime:
    """Write the run's parameters and give every declared object its columns. The warehouse is not whole from here on.

    Args:
        settings: The installation.
        as_of: The instant to compute for; default `settings.as_of`, else now. Facts after it are not yet.
        known_at: Only what was landed up to this instant is seen; default: everything that is landed by now. What
            lands while the layers are built is in the next build.

    Returns:
        The instant computed for, UTC.

    Raises:
        BadInputError: The commission plans, or an enrolment's plan, are wrong; not looked at with `known_at`.
    """
    as_of = (as_of or settings.as_of or datetime.now(UTC)).astimezone(UTC)
    ensure_schema(settings.landing_dir)
    # What an approved month was computed by was checked then: by the rules and the enrolments of then.
    if known_at is None:
        validate(settings)
    # The marts of the ledger are built again after each posting, from all that was posted by then.
    postings_known_at = known_at or datetime(9999, 12, 31, tzinfo=UTC)
    known_at = (known_at or settled(settings.landing_dir)).astimezone(UTC)
    plans_hash = keep_copy(settings)
    target = completeness.parameters_path(settings)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".tmp")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            "CREATE TABLE parameters AS SELECT ?::TIMESTAMPTZ AS as_of, ?::TIMESTAMPTZ AS known_at, "
            "?::TIMESTAMPTZ AS postings_known_at, ?::VARCHAR AS timezone, ?::VARCHAR AS reporting_currency, "
            "?::INTEGER AS fx_lookback_days, ?::VARCHAR AS plans_hash",
            [
                *(as_of, known_at, postings_known_at.astimezone(UTC), settings.timezone),
                *(settings.reporting_currency, settings.fx_lookback_days, plans_hash),
            ],
        )
        connection.execute(f"COPY parameters TO '{temporary}' (FORMAT parquet)")
    with exclusive(settings):
        completeness.start_anew(settings)
        temporary.replace(target)
    return as_of


def build(layer: Layer, settings: Settings, *, select: str | None = None) -> BuildResult:
    """Build one layer: seeds, models, and the tests on their data.

    Args:
        layer: Which layer.
        settings: The installation.
        select: A dbt selection instead of the layer's tag, for development. Tests that reach beyond it are left out,
            and the layer does not count as built.

    Raises:
        GateFailedError: A dbt test failed; the message names the tests, their counts and where the failing rows are.
        PartnerWarehouseError: A model could not be built.
    """
    # A unit test proves a model's logic, not the data: see `unit_test`. A seed whose columns changed is made anew.
    options: tuple[str, ...] = ("--exclude-resource-type", "unit_test", "--full-refresh")
    if select:
        options += ("--indirect-selection", "buildable")
    # What the publication says of its tables is what dbt knows of the marts.
    described = ("--manifest",) if layer == "marts" else ()
    with exclusive(settings):
        # The ledger's marts are marts: what was built of them before stands, what the gate said of them does not.
        completeness.begin("gate marts" if layer == "ledger" else f"build {layer}", settings)
        result = _dbt(layer, settings, *described, "build", "--select", select or f"tag:{layer}", *options)
        if layer != "ledger" and select is None:
            completeness.done(f"build {layer}", settings)
    return result


def rebuild_commissions(settings: Settings) -> BuildResult:
    """Build again what hangs on the commission plans, up to the entitlement and its control totals.

    Everything else is taken as it stands in the warehouse file. Tests that reach beyond what is built are left out.

    Args:
        settings: A home with the copy of a warehouse.

    Raises:
        GateFailedError: The control totals do not tie.
        PartnerWarehouseError: A model could not be built.
    """
    selected = [f"path:models/staging/plans+,+{mart}" for mart in ("commission_lines", "exclusions", "reconciliation")]
    options = ("--exclude-resource-type", "unit_test", "--indirect-selection", "cautious")
    return _dbt("marts", settings, "build", "--select", *selected, *options)


def build_entitlement(settings: Settings) -> BuildResult:
    """Build what the commission lines rest on and nothing else, from the landing.

    Raises:
        GateFailedError: A dbt test failed.
        PartnerWarehouseError: A model could not be built.
    """
    options = ("--exclude-resource-type", "unit_test", "--indirect-selection", "cautious")
    return _dbt("marts", settings, "build", "--select", "+commission_lines", "+merged_partners", *options)


def unit_test(settings: Settings) -> BuildResult:
    """Run the models' unit tests, over a warehouse that is built (they read the columns of the models they feed).

    Raises:
        GateFailedError: One does not hold.
    """
    return _dbt("marts", settings, "test", "--select", "test_type:unit")


def _dbt(layer: Layer, settings: Settings, *given: str) -> BuildResult:
    results = settings.dbt_dir / "run_results.json"
    results.unlink(missing_ok=True)
    # dbt outlives whoever started it and is killed: it has the file open, so it holds the lock too.
    with exclusive(settings) as lock:
        done = run_dbt(settings, *given, capture_output=True, text=True, pass_fds=(lock,))
    if not results.exists():
        raise PartnerWarehouseError(f"dbt could not start on layer {layer}\n{done.stdout}{done.stderr}".strip())
    result = _read(layer, json.loads(results.read_text(encoding="utf-8")))
    _raise_on_failure(result, done.stdout)
    if done.returncode != 0:
        raise PartnerWarehouseError(f"dbt failed on layer {layer}\n{done.stdout}{done.stderr}".strip())
    return result


def run_dbt(settings: Settings, *given: str, **options: Any) -> subprocess.CompletedProcess[Any]:
    """Run one command of dbt on a home's warehouse, and nothing around it.

    Args:
        settings: The installation. dbt starts in its home, where all paths of the project begin.
        given: The command and its options, as `dbt_process` takes them.
        options: What `subprocess.run` takes besides.
    """
    # -P: what lies in the home is data, and nothing of it is imported.
    command = (sys.executable, "-P", "-m", "partner_warehouse.warehouse.dbt_process", str(settings.dbt_threads), *given)
    return subprocess.run(  # noqa: S603
        command, cwd=settings.home, env=_environment(settings), check=False, **options
    )


def _environment(settings: Settings) -> dict[str, str]:
    """What dbt sees: no secret, only what it needs to find the plans."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    given = {
        "PARTNER_WAREHOUSE_PLANS": str(settings.plans or ""),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }
    return kept | given


def _read(layer: Layer, document: dict[str, Any]) -> BuildResult:
    def nodes() -> Iterator[NodeResult]:
        for entry in document["results"]:
            yield NodeResult(
                unique_id=entry["unique_id"],
                status=entry["status"],
                seconds=float(entry["execution_time"]),
                failures=int(entry.get("failures") or 0),
                message=str(entry.get("message") or ""),
            )

    return BuildResult(layer, float(document["elapsed_time"]), tuple(nodes()))


def _raise_on_failure(result: BuildResult, output: str) -> None:
    failed = [node for node in result.nodes if node.failed]
    if not failed:
        return
    lines = [f"  {node.unique_id}: {node.status}, {node.failures} rows; {node.message}" for node in failed]
    broken = [node for node in failed if not node.unique_id.startswith(("test.", "unit_test."))]
    if broken:
        raise PartnerWarehouseError(
            f"dbt layer {result.layer}: {len(broken)} models failed\n" + "\n".join(lines) + f"\n{output}"
        )
    raise GateFailedError(f"dbt layer {result.layer}: {len(failed)} tests failed\n" + "\n".join(lines))
