"""The plan files in force, their columns, and the copies of them that a period is computed again by.

Plans are four CSV files: the seeds, or the directory in `PARTNER_WAREHOUSE_PLANS`.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from partner_warehouse.settings import SEEDS, Settings

FILES = ("commission_plans", "commission_rates", "commission_bonuses", "commission_exclusions")
"""The plan files, by name."""

PLAN_COLUMNS = (
    "plan_id",
    "version",
    "effective_from",
    "effective_to",
    "name",
    "programme",
    "model",
    "currency",
    "tier_basis",
    "tier_mode",
    "earn_window",
    "payment_terms_days",
    "min_payout",
    "cap_per_period",
    "clawback_months",
    "volume_period",
    "rounding",
    "timezone",
    "crediting_model",
)

RATE_COLUMNS = ("plan_id", "version", "component", "from_value", "to_value", "rate", "fee", "tier")
BONUS_COLUMNS = ("plan_id", "version", "metric", "threshold", "kind", "value")
EXCLUSION_COLUMNS = ("plan_id", "version", "product_id")

AS_TEXT = """read_csv(?, header = true, all_varchar = true, delim = ',', quote = '"', escape = '"')"""
"""SQL that reads a plan file as the models read it, every value as text; its path is to be bound."""


def texts_in_force(settings: Settings) -> dict[str, str]:
    """The plan files in force, whole: their text by name. What is not there is not in it."""
    directory = settings.plans or SEEDS
    paths = [directory / f"{name}.csv" for name in FILES]
    return {path.name: path.read_text(encoding="utf-8") for path in paths if path.exists()}


def keep_copy(settings: Settings) -> str:
    """Keep what is in force beside the warehouse, under the SHA-256 of it; what is there is never written again.

    Returns:
        The SHA-256.
    """
    text = json.dumps(texts_in_force(settings), sort_keys=True)
    digest = digest_of_copy(text)
    target = copy_path(settings, digest)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_suffix(f".{os.getpid()}")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    return digest


def digest_of_copy(text: str) -> str:
    """The SHA-256 that a copy of the plan files is kept under."""
    return hashlib.sha256(text.encode()).hexdigest()


def copy_path(settings: Settings, digest: str) -> Path:
    """Where the copy of the plan files with this SHA-256 is."""
    return settings.warehouse_path.parent / "plans" / f"{digest}.json"


def write_copy(text: str, directory: Path) -> None:
    """Lay a copy out as a directory of plan files.

    Args:
        text: What `keep_copy` kept.
        directory: Made here.
    """
    directory.mkdir(parents=True)
    for name, content in json.loads(text).items():
        (directory / name).write_text(content, encoding="utf-8")
