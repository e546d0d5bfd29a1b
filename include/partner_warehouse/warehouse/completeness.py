"""Whether the warehouse is whole: each layer built by the parameters that lie beside it, and passed by its gate.

Only a whole warehouse is published. The note says what was done since the parameters were written, in order: a step
that begins takes back itself and what follows, one that ends well is added to those before it. A command that is killed
leaves it short, and no other one completes it but by doing the steps. A home without the note is not whole.

Whoever calls this holds the warehouse file (`warehouse.lock.exclusive`).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from partner_warehouse.settings import Settings

STEPS = ("build staging", "gate staging", "build marts", "gate marts")
"""What makes a warehouse whole, in order."""

NOT_WHOLE = (
    "the warehouse is not whole: it is being built, or its last build was cut off or stopped at a gate; "
    "`partner-warehouse run`, or the DAG `build_warehouse`, builds and publishes it"
)


def is_whole(settings: Settings) -> bool:
    """Whether every step was done by the parameters that are there."""
    return _noted(settings) == STEPS


def is_built(settings: Settings) -> bool:
    """Whether all is built; the ledger's marts may have been left in the middle, and the last gate not be passed."""
    return _noted(settings)[:3] == STEPS[:3]


def start_anew(settings: Settings) -> None:
    """Nothing is done yet: the parameters are about to change."""
    _path(settings).unlink(missing_ok=True)


def begin(step: str, settings: Settings) -> None:
    """A step begins, or turned out wrong: it is not done, and what follows it is not either."""
    noted, place = _noted(settings), STEPS.index(step)
    if len(noted) > place:
        _write(noted[:place], settings)


def done(step: str, settings: Settings) -> None:
    """A step ended well. It counts if those before it do."""
    noted, place = _noted(settings), STEPS.index(step)
    if len(noted) == place:
        _write((*noted, step), settings)


def parameters_path(settings: Settings) -> Path:
    """What the warehouse is computed for, a row as `runner.prepare` writes it."""
    return settings.warehouse_path.parent / "run_parameters.parquet"


def _path(settings: Settings) -> Path:
    return settings.warehouse_path.parent / "completeness.json"


def _noted(settings: Settings) -> tuple[str, ...]:
    try:
        note = json.loads(_path(settings).read_text(encoding="utf-8"))
        return tuple(note["steps"]) if note["parameters"] == _digest(settings) else ()
    except FileNotFoundError:
        return ()


def _write(steps: tuple[str, ...], settings: Settings) -> None:
    temporary = _path(settings).with_suffix(".tmp")
    note = {"parameters": _digest(settings), "steps": steps}
    temporary.write_text(json.dumps(note), encoding="utf-8")
    temporary.replace(_path(settings))


def _digest(settings: Settings) -> str:
    return hashlib.sha256(parameters_path(settings).read_bytes()).hexdigest()
