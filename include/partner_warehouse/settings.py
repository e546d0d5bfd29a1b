"""Everything that can be set, in one object, read from the environment (`PARTNER_WAREHOUSE_*`).

Secrets are not here: they live in Airflow connections.
"""

from __future__ import annotations

import csv
import os
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from partner_warehouse.errors import BadInputError
from partner_warehouse.instants import parse_instant

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""

DBT_PROJECT = ROOT / "dbt_project"
SEEDS = DBT_PROJECT / "seeds"
DBT_DIR = Path("warehouse", "dbt")
"""Where a home keeps what dbt parsed and says of its last command."""
EXPECTATIONS = ROOT / "expectations"

Source = Literal["salesforce", "hubspot", "stripe", "events", "files"]
SOURCES: tuple[Source, ...] = ("salesforce", "hubspot", "stripe", "events", "files")


def seed_rows(name: str) -> list[dict[str, str]]:
    """The rows of a seed."""
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def seed_values(name: str, column: str) -> set[str]:
    """What a column of a seed holds."""
    return {row[column] for row in seed_rows(name)}


@cache
def _timezones() -> frozenset[str]:
    """The zones that the models' engine knows."""
    import duckdb

    with duckdb.connect() as connection:
        return frozenset(row[0] for row in connection.execute("SELECT name FROM pg_timezone_names()").fetchall())


def is_timezone(name: str) -> bool:
    """Whether Python and the models' engine both know the time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    # The default needs no engine, which is slow to import.
    return name == "UTC" or name in _timezones()


def absolute(path: Path) -> Path:
    """A path as somebody wrote it, in full; a leading ~ is a home directory.

    Raises:
        ValueError: No home directory is known for the ~.
    """
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(f"{path}: no home directory is known for the ~; write the path in full") from error


class Settings(BaseSettings):
    """Settings of one installation. Instants are UTC; directories are absolute once read."""

    model_config = SettingsConfigDict(
        env_prefix="PARTNER_WAREHOUSE_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    home: Path = Field(default=ROOT / "var", description="All state of the installation.")
    sources: Annotated[tuple[Source, ...], NoDecode] = Field(default=SOURCES, description="Sources to ingest.")
    inbox: Path | None = Field(default=None, description="The file drop; default HOME/inbox.")
    plans: Path | None = Field(default=None, description="Directory of plan files; default: the seeds.")
    catalog: Path | None = Field(default=None, description="Directory of additions to the catalog, <source>.yml.")
    reconcile_days: int = Field(
        default=7, ge=0, le=36_500, description="Days between comparisons of ids that find hard deletions; 0: never."
    )
    call_seconds: float = Field(
        default=900.0,
        gt=0,
        le=86_400,
        description="How long a call of a source may take with all of its tries, each a third.",
    )
    timezone: str = Field(default="UTC", description="Time zone of the reports; a plan names its own.")
    reporting_currency: str = Field(default="USD", description="ISO 4217.")
    fx_lookback_days: int = Field(default=4, ge=0, le=31, description="How old an FX rate may be, in days.")
    as_of: datetime | None = Field(default=None, description="The instant that the warehouse is computed for; now.")
    # These two may hold a password; nobody who prints the settings shall see it.
    ledger_url: str | None = Field(
        default=None, repr=False, description="SQLAlchemy URL; default SQLite HOME/ledger.sqlite."
    )
    serving_url: str | None = Field(
        default=None, repr=False, description="PostgreSQL that serves BI, besides the file."
    )
    approvers: Annotated[tuple[str, ...], NoDecode] = Field(default=(), description="Names that may approve payouts.")
    two_approvers_above: int | None = Field(
        default=None, ge=0, description="Sum of a period's payables above which two approvers are needed, per currency."
    )
    approval_reminder_hours: float = Field(
        default=72.0, gt=0, le=87_600, description="How long an approval may wait before finance is reminded of it."
    )
    gl_accounts: Path | None = Field(
        default=None, description="CSV of account codes for the journal (account, code, name); default: our own."
    )
    company_name: str = Field(default="", description="Who sends the statements, as their letterhead has it.")
    statement_fonts: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(), description="TrueType files for scripts that the statements' own font lacks, in order."
    )
    dbt_threads: int = Field(
        default=2, ge=1, le=16, description="Models at a time: while one is planned or solved, others are computed."
    )

    @field_validator("sources", "approvers", "statement_fonts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Comma lists, as the environment has them."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("home", "inbox", "plans", "catalog", "gl_accounts", mode="after")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return absolute(value) if value is not None else None

    @field_validator("statement_fonts", mode="after")
    @classmethod
    def _all_absolute(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(absolute(path) for path in value)

    @field_validator("home", mode="after")
    @classmethod
    def _no_comma(cls, value: Path) -> Path:
        """The warehouse's views find the landing by DuckDB's `file_search_path`, where a comma ends a path."""
        if "," in str(value):
            raise ValueError(f"{value}: name a directory without a comma in its path")
        return value

    @field_validator("home", "inbox", "plans", "catalog", mode="after")
    @classmethod
    def _no_file(cls, value: Path | None) -> Path | None:
        if value is not None and os.path.isfile(value):
            raise ValueError(f"{value} is a file: name a directory")
        return value

    @field_validator("gl_accounts", mode="after")
    @classmethod
    def _no_directory(cls, value: Path | None) -> Path | None:
        if value is not None and os.path.isdir(value):
            raise ValueError(f"{value} is a directory: name a file")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        if not is_timezone(value):
            raise ValueError(f"unknown time zone {value!r}: use an IANA name such as America/New_York")
        return value

    @field_validator("reporting_currency")
    @classmethod
    def _known_currency(cls, value: str) -> str:
        if value not in seed_values("currencies", "currency"):
            raise ValueError(f"unknown currency {value!r}: use an ISO 4217 code such as USD")
        return value

    @field_validator("as_of", mode="before")
    @classmethod
    def _instant(cls, value: object) -> object:
        """In UTC. A bare number is no instant, although it could be read as seconds."""
        if isinstance(value, datetime):
            value = value.isoformat()
        return parse_instant(value) if isinstance(value, str) else value

    @cached_property
    def inbox_dir(self) -> Path:
        """Where the file drop looks: one folder per object."""
        return self.inbox or self.home / "inbox"

    @cached_property
    def landing_dir(self) -> Path:
        """Immutable Parquet, `<source>/<object>/<load_id>/`."""
        return self.home / "landing"

    @cached_property
    def warehouse_path(self) -> Path:
        """The private DuckDB file that dbt alone writes."""
        return self.home / "warehouse" / "warehouse.duckdb"

    @cached_property
    def dbt_dir(self) -> Path:
        """Where dbt keeps what it parsed and says of its last command."""
        return self.home / DBT_DIR

    @cached_property
    def search_path(self) -> dict[str, Any]:
        """The configuration by which a DuckDB connection to the warehouse reads its views of what was landed."""
        return {"file_search_path": str(self.home)}

    @cached_property
    def published_path(self) -> Path:
        """The snapshot that BI and finance open."""
        return self.home / "published" / "partner_marts.duckdb"

    @cached_property
    def ledger_sqlalchemy_url(self) -> str:
        """The ledger's database."""
        return self.ledger_url or f"sqlite:///{self.home / 'ledger.sqlite'}"


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment.

    Args:
        overrides: Values that go before the environment, by field name.

    Raises:
        BadInputError: A setting is malformed; the message names it and what was expected.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"][:1]).upper()
        raise BadInputError(f"PARTNER_WAREHOUSE_{name}: {first['msg'].removeprefix('Value error, ')}") from error
