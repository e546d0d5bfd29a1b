"""The plan files by which a publication was computed, or an approved period: not those that lie there by now."""

from __future__ import annotations

import weakref
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

from partner_warehouse.plans.files import FILES, copy_path, write_copy
from partner_warehouse.settings import SEEDS, Settings
from partner_warehouse.workplaces import workplace


class PlanFiles:
    """The plan files that decided something, laid out to be read.

    Args:
        settings: Whose ledger pins the plans of approved periods, and whose files stand in where nothing is pinned.
        plans_hash: Of the files that a publication, or a warehouse, was built by; None where it does not say.
    """

    def __init__(self, settings: Settings, plans_hash: str | None) -> None:
        self._settings = settings
        self._plans_hash = plans_hash
        self._directories: dict[str, Path] = {}

    @cached_property
    def _laid_out(self) -> Path:
        held = ExitStack()
        weakref.finalize(self, held.close)
        return held.enter_context(workplace(self._settings.home))

    def of(self, period: str | None) -> list[Path]:
        """The files of an approved period, or of what was built; those that are there."""
        directory = self.directory(period)
        return [path for name in FILES if (path := directory / f"{name}.csv").exists()]

    def directory(self, period: str | None = None) -> Path:
        """Where they lie, as long as this object lives; the files of the settings where nothing is pinned."""
        name = period or "built"
        if name not in self._directories:
            text = self._pinned(period) if period else self._built_by()
            if text is None:
                return self._settings.plans or SEEDS
            write_copy(text, self._laid_out / name)
            self._directories[name] = self._laid_out / name
        return self._directories[name]

    def _pinned(self, period: str) -> str | None:
        from partner_warehouse.ledger.payouts import PayoutService

        found = PayoutService(self._settings).pins(period)
        return found[1] if found else None

    def _built_by(self) -> str | None:
        kept = copy_path(self._settings, self._plans_hash) if self._plans_hash else None
        return kept.read_text(encoding="utf-8") if kept and kept.exists() else None
