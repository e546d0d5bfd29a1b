"""What the extractors remember between runs: `HOME/state/<source>/<object>.json`, replaced atomically.

The landing is the truth and this is only its index: it is written after a load is visible, and when it is lost or
behind, it is rebuilt from the manifests. So a crash re-reads, and never skips.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from partner_warehouse.landing.layout import object_dir
from partner_warehouse.landing.manifest import manifests
from partner_warehouse.landing.store import sync
from partner_warehouse.settings import Settings


def state_path(settings: Settings, source: str, object_name: str) -> Path:
    """Where an object's state lies."""
    return settings.home / "state" / source / f"{object_name}.json"


def read_state(settings: Settings, source: str, object_name: str) -> dict[str, Any]:
    """The object's state; empty when there is none, none that can be read, or the load it speaks of is gone."""
    try:
        document = json.loads(state_path(settings, source, object_name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(document, dict):
        return {}
    load = document.get("load")
    is_valid = load is None or (object_dir(settings.landing_dir, source, object_name) / str(load)).is_dir()
    return document if is_valid else {}


def write_state(settings: Settings, source: str, object_name: str, state: dict[str, Any]) -> None:
    """Replace the object's state, durably. Call it only when the load it speaks of is visible."""
    path = state_path(settings, source, object_name)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(state, indent=1), encoding="utf-8")
    sync(temporary)
    os.replace(temporary, path)
    sync(path.parent)


def checked_path(settings: Settings, source: str, object_name: str) -> Path:
    """Where it is noted when an object was last looked at."""
    return settings.home / "state" / source / f"{object_name}.checked"


def note_check(settings: Settings, source: str, object_name: str) -> None:
    """Note that the source was asked for all that is new of an object, and answered; also when nothing was."""
    path = checked_path(settings, source, object_name)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".checking")
    temporary.write_text(datetime.now(UTC).isoformat(), encoding="utf-8")
    os.replace(temporary, path)


def checked_at(settings: Settings, source: str, object_name: str) -> datetime | None:
    """When an object was last looked at; None where that was never, or is not known."""
    try:
        return datetime.fromisoformat(checked_path(settings, source, object_name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def read_cursor(settings: Settings, source: str, object_name: str) -> str | None:
    """Where the next extraction starts; None to fetch everything.

    The newest load's `cursor_to` stands in for a lost state.
    """
    cursor = read_state(settings, source, object_name).get("cursor")
    if isinstance(cursor, str):
        return cursor
    for manifest in manifests(settings.landing_dir, source, object_name):
        if manifest.cursor_to is not None:
            return manifest.cursor_to
    return None
