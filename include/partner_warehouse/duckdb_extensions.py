"""DuckDB's extensions, where their wheels put them: nothing is copied, nothing is downloaded."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import duckdb


def load_extension(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load one whose wheel is installed.

    Args:
        connection: Where to.
        name: `postgres_scanner` or `sqlite_scanner`.
    """
    package = Path(str(files(f"duckdb_extension_{name}")))
    path = package / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    escaped = str(path).replace("'", "''")
    connection.execute(f"LOAD '{escaped}'")
