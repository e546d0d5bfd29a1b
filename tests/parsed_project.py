"""One parse of the dbt project for all installations of a test run.

dbt keeps what it parsed beside its results, so that it parses again only what changed. A fresh home has nothing, and
to parse the whole project costs more than most of what is built in a test. Only the address of the home differs: this
module takes a parse from one home to another. dbt checks what it finds as always, and parses anew what does not fit.
"""

from __future__ import annotations

import hashlib
import os
import pprint
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import yaml

from partner_warehouse.settings import DBT_PROJECT, Settings
from partner_warehouse.warehouse import runner

HOME = "PARTNER_WAREHOUSE_HOME"
Run = Callable[..., runner.BuildResult]


def parsed_once(run: Run, kept: Path) -> Run:
    """A `runner._dbt` that starts from the parse in `kept` where a home has none, and keeps the first one there."""

    def run_parsed(layer: runner.Layer, settings: Settings, *given: str) -> runner.BuildResult:
        own = settings.warehouse_path.parent / "dbt" / "partial_parse.msgpack"
        moved = _moved(kept.read_bytes(), str(settings.home)) if kept.exists() and not own.exists() else None
        if moved is not None:
            own.parent.mkdir(parents=True, exist_ok=True)
            own.write_bytes(moved)
        try:
            return run(layer, settings, *given)
        finally:
            if own.exists() and not kept.exists():
                # Another worker may do the same at this moment: the file is there whole, or not at all.
                unfinished = kept.with_name(f"{kept.name}.{os.getpid()}")
                shutil.copyfile(own, unfinished)
                unfinished.replace(kept)

    return run_parsed


def _moved(parse: bytes, home: str) -> bytes | None:
    """The parse as dbt would have made it for another home; none where more of it knows its home than is known here."""
    manifest = msgpack.unpackb(parse, strict_map_key=False)
    variables, checks = manifest["env_vars"], manifest["state_check"]
    before = variables[HOME]
    # Sources are files of the home; nothing else of the project knows where it lies.
    manifest["sources"] = _replaced(manifest["sources"], before, home)
    others = {name: part for name, part in manifest.items() if name != "env_vars"}
    if checks["profile_hash"]["checksum"] != _profile_hash(before) or f"{before}/".encode() in msgpack.packb(others):
        return None
    checks["profile_hash"]["checksum"] = _profile_hash(home)
    # The other variables stay as they were: dbt parses anew what they change.
    variables[HOME] = home
    moved: bytes = msgpack.packb(manifest)
    return moved


def _replaced(value: Any, before: str, after: str) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(part, before, after) for key, part in value.items()}
    if isinstance(value, list):
        return [_replaced(part, before, after) for part in value]
    return value.replace(f"{before}/", f"{after}/") if isinstance(value, str) else value


def _profile_hash(home: str) -> str:
    """What dbt compares to see that the connection is the one that it parsed for."""
    from dbt.adapters.duckdb.credentials import DuckDBCredentials

    profile = yaml.safe_load((DBT_PROJECT / "profiles.yml").read_text(encoding="utf-8"))
    output = profile["partner_warehouse"]["outputs"]["duckdb"]
    output["path"] = output["path"].replace("{{ env_var('" + HOME + "') }}", home)
    output["threads"] = 1
    credentials = DuckDBCredentials.from_dict(DuckDBCredentials.__pre_deserialize__(output))
    return hashlib.sha256(pprint.pformat(sorted(credentials.connection_info())).encode()).hexdigest()
