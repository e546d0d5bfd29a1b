"""What ten million touches cost: every attribution model, beside bare SQL on the same data.

The touches and conversions are Parquet files from a formula. The warehouse reads them as its `int_touches` and
`int_conversions` and runs its own dbt models from there; the bare SQL and the libraries that others use read the same
files. Loading is part of every measurement.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
from rich.console import Console

from partner_warehouse import bench_attribution_peers
from partner_warehouse.bench import Cost, dbt, measure
from partner_warehouse.settings import DBT_PROJECT, load_settings

CHANNELS = (
    *("direct", "email", "partner_link", "referral", "webinar", "event", "content", "newsletter", "paid_search"),
    *("paid_social", "display", "organic_search", "organic_social", "co_marketing"),
)

PARTNERS = 60

SHORT, LONG = 4, 20
"""How many touches an account has on average: what our models take hardly depends on it, what others take does."""

PEERS = {
    "ChannelAttribution": "three rules by channel, Markov 1 to 3 simulated",
    "marketing_attribution_models": "six rules by channel, Markov 1, Shapley",
}

PEER_SECONDS = 900
"""How long a library may take to be built, or to run."""

REQUIREMENTS = DBT_PROJECT.parent / "requirements"

_CONVERTED_AT = "TIMESTAMPTZ '2025-10-20 00:00:00+00' - to_seconds(CAST(hash(account * 13 + 5) % 5000000 AS BIGINT))"


def write_touches(directory: Path, touches: int, of_an_account: int) -> None:
    """The touches and conversions, from a formula: the same rows each time.

    A fifth of the accounts convert, most of them before their last touch.
    """
    accounts = touches // of_an_account
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"""
            COPY (
                WITH drawn AS (
                    SELECT
                        i,
                        CAST(least(hash(i * 5 + 2) % {len(CHANNELS)}, hash(i * 11 + 3) % 17) AS INTEGER) AS channel
                    FROM range({touches}) AS rows (i)
                ),
                touches AS (
                    SELECT
                        'T' || lpad(CAST(i AS VARCHAR), 9, '0') AS touchpoint_id,
                        'touchpoint' AS touch_source,
                        'C' || (hash(i) % {accounts}) AS account_id,
                        CAST(NULL AS VARCHAR) AS contact_id,
                        CASE WHEN channel IN (2, 3, 13) THEN 'P' || (hash(i + 7) % {PARTNERS}) END AS partner_id,
                        {list(CHANNELS)}[channel + 1] AS channel,
                        'other' AS channel_group,
                        channel = 0 AS is_direct,
                        'click' AS kind,
                        TIMESTAMPTZ '2025-01-01 00:00:00+00' + to_seconds(CAST(hash(i * 3 + 1) % 25000000 AS BIGINT))
                            AS occurred_at
                    FROM drawn
                )
                SELECT row_number() OVER (ORDER BY occurred_at, touchpoint_id) AS touch_key, *
                FROM touches
                ORDER BY touch_key
            ) TO '{directory / "touches.parquet"}' (FORMAT parquet)
            """  # noqa: S608
        )
        connection.execute(
            f"""
            COPY (
                SELECT
                    row_number() OVER () AS conversion_key,
                    'deal' AS conversion_kind,
                    'D' || account AS conversion_id,
                    'C' || account AS account_id,
                    CAST((100 + hash(account + 1) % 1000000) * 0.01 AS DECIMAL(18, 3)) AS amount,
                    'USD' AS currency,
                    CAST(10 AS HUGEINT) AS mills_per_part,
                    CAST(1 AS DECIMAL(28, 10)) AS reporting_rate,
                    'USD' AS reporting_currency,
                    {_CONVERTED_AT} AS converted_at,
                    CAST(date_trunc('month', {_CONVERTED_AT}) AS DATE) AS month,
                    {_CONVERTED_AT} - to_days(CAST(30 + hash(account) % 60 AS INTEGER)) AS lead_at,
                    {_CONVERTED_AT} - to_days(CAST(hash(account * 3) % 30 AS INTEGER)) AS opportunity_at
                FROM range({accounts}) AS rows (account)
                WHERE hash(account) % 5 = 0
            ) TO '{directory / "conversions.parquet"}' (FORMAT parquet)
            """  # noqa: S608
        )


def prepare_warehouse(home: Path, directory: Path) -> None:
    """A warehouse whose touches and conversions are the files, and whose other inputs are there and empty."""
    from partner_warehouse.warehouse import runner

    settings = load_settings(home=home)
    runner.prepare(settings)
    dbt(home, "build", "--select", "attribution_*", "currencies", "stg_run__parameters", "int_currencies")
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        for name in ("touches", "conversions"):
            connection.execute(
                f"CREATE VIEW intermediate.int_{name} AS FROM read_parquet('{directory / name}.parquet')"
            )
        connection.execute(
            "CREATE TABLE intermediate.int_enrolments "
            "(partner_id VARCHAR, programme VARCHAR, starts_on DATE, ends_on DATE)"
        )


def run_models(home: Path) -> None:
    """The warehouse's own models: journeys, all ten models' credits per touch, Markov 1 to 3 and Shapley."""
    models = ("int_journeys*", "int_conversion_revenue", "credits", "markov", "shapley")
    dbt(home, "run", "--select", *models, "--exclude", "int_journeys_group_transitions+")


def run_intervals(home: Path) -> None:
    """The bootstrap intervals of the removal effects, after them."""
    dbt(home, "run", "--select", "int_journeys_group_transitions+")


_BARE_JOURNEYS = """
    CREATE TABLE journeys AS
    SELECT
        touch_key,
        conversion_key,
        channel,
        row_number() OVER journey AS position,
        count(*) OVER (PARTITION BY account_id, conversion_key) AS touches,
        lead(channel) OVER journey AS following,
        converted_at - occurred_at AS age
    FROM read_parquet('{touches}') AS touches
    LEFT JOIN read_parquet('{conversions}') AS conversions
        USING (account_id)
    WHERE conversion_key IS NULL OR occurred_at <= converted_at
    WINDOW journey AS (PARTITION BY account_id, conversion_key ORDER BY touch_key)
"""

_BARE_RULES = """
    CREATE TABLE credits AS
    SELECT
        conversion_key,
        touch_key,
        CAST(position = 1 AS DOUBLE) AS first_touch,
        CAST(position = touches AS DOUBLE) AS last_touch,
        1.0 / touches AS linear,
        CASE
            WHEN touches <= 2 THEN 1.0 / touches
            WHEN position IN (1, touches) THEN 0.4
            ELSE 0.2 / (touches - 2)
        END AS position_based,
        decay / sum(decay) OVER (PARTITION BY conversion_key) AS time_decay
    FROM (SELECT *, pow(2.0, -epoch(age) / 604800.0) AS decay FROM journeys WHERE conversion_key IS NOT NULL)
"""

_BARE_TRANSITIONS = """
    SELECT channel, following, conversion_key IS NOT NULL AS is_converted, position = 1 AS is_first, count(*) AS steps
    FROM journeys
    GROUP BY ALL
"""


def bare_sql(work: Path) -> None:
    """Five rules' credits per touch in floating point, and the chain of order 1: the least that the data asks for."""
    import numpy as np

    places = {name: str(work / f"{name}.parquet") for name in ("touches", "conversions")}
    with duckdb.connect(str(work / "bare.duckdb")) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(_BARE_JOURNEYS.format(**places))
        connection.execute(_BARE_RULES)
        rows = connection.execute(_BARE_TRANSITIONS).fetchall()
    number = {channel: index for index, channel in enumerate(CHANNELS)}
    moves = np.zeros((len(CHANNELS), len(CHANNELS)))
    converting, start = np.zeros(len(CHANNELS)), np.zeros(len(CHANNELS))
    visits = np.zeros(len(CHANNELS))
    for channel, following, is_converted, is_first, steps in rows:
        visits[number[channel]] += steps
        start[number[channel]] += steps * is_first
        if following is not None:
            moves[number[channel], number[following]] += steps
        elif is_converted:
            converting[number[channel]] += steps
    from_start = np.linalg.inv(np.eye(len(CHANNELS)) - moves / visits[:, None])
    reached = start @ from_start
    _ = reached / np.diag(from_start) * (from_start @ (converting / visits))


def attribution(work: Path, touches: int) -> Iterator[Cost]:
    """All ten models with per-touch credits, Markov 1 to 3 and Shapley, beside bare SQL for half of them.

    For short journeys, and for long ones, of which there are fewer.

    Args:
        work: A directory of its own.
        touches: How many touches.
    """
    yield from _of_journeys(work / "short", touches, SHORT)
    yield from _of_journeys(work / "long", touches, LONG)


def _of_journeys(work: Path, touches: int, of_an_account: int) -> Iterator[Cost]:
    work.mkdir()
    data = f"{of_an_account} touches an account"
    measure("write the touches", touches, write_touches, work, touches, of_an_account)
    measure("prepare the warehouse", touches, prepare_warehouse, work / "home", work)
    yield measure(f"bare SQL, {data}: five rules' credits, Markov of order 1", touches, bare_sql, work)
    yield measure(
        f"attribution, {data}: ten models' credits, Markov 1 to 3, Shapley", touches, run_models, work / "home"
    )
    yield measure(f"attribution, {data}: intervals of removal effects", touches, run_intervals, work / "home")
    yield from _peers(work, touches, data)


def _peers(work: Path, touches: int, data: str) -> Iterator[Cost]:
    """What the libraries that others use take for what they can do; what cannot be had is said and left out."""
    environment = load_settings().home / "bench-peers"
    for library in PEERS:
        try:
            python = _environment_of_peers(environment, library)
            printed = _run(python, bench_attribution_peers.__file__, library, work)
        except (subprocess.SubprocessError, OSError) as error:
            Console(stderr=True).print(f"NOT MEASURED: {library}: {error}", style="bold red")
            continue
        cost = json.loads(printed.splitlines()[-1])
        yield Cost(f"{library}, {data}: {PEERS[library]}", cost["seconds"], cost["peak_mb"], touches)


def _environment_of_peers(directory: Path, library: str) -> Path:
    """The interpreter of an environment with the library, by the hashes of its lock; one of them is built, in time.

    Raises:
        SubprocessError: It could not be installed.
    """
    python = directory / "bin" / "python"
    uv = Path(sys.executable).with_name("uv")
    install = (uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "--no-deps")
    if not python.exists():
        _run(uv, "venv", "--quiet", "--python", sys.executable, directory)
    _run(*install, "--no-build", "-r", REQUIREMENTS / "bench.txt")
    if library == "ChannelAttribution":
        _run(*install, "--no-build-isolation", "-r", REQUIREMENTS / "bench-source.txt")
    return python


def _run(*command: str | Path) -> str:
    """What a command printed; it has so long, and no longer."""
    words = [str(word) for word in command]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, timeout=PEER_SECONDS)  # noqa: S603
    return done.stdout
