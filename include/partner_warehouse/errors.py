"""The faults that people outside meet, each with the exit status that the command line returns for it.

A message speaks to the person who can mend the fault: what, where (file, row, field), what was expected and what to
do. It never holds a secret or a personal datum. Its first line stands alone.
"""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """Exit status of every command."""

    DONE = 0
    FAULT = 1
    BAD_INPUT = 2
    GATE_FAILED = 3
    NOT_ALLOWED = 4


class PartnerWarehouseError(Exception):
    """A fault that we can name. Subclasses say which exit status it has."""

    exit_status: ExitStatus = ExitStatus.FAULT


class BadInputError(PartnerWarehouseError):
    """Something given from outside (argument, file, plan, setting) is wrong: mend it and run again."""

    exit_status = ExitStatus.BAD_INPUT


class GateFailedError(PartnerWarehouseError):
    """Data broke an expectation. What is downstream did not run; the last good publication stands."""

    exit_status = ExitStatus.GATE_FAILED


class NotAllowedError(PartnerWarehouseError):
    """The action is against a rule of approval: approver is preparer, period closed, content changed."""

    exit_status = ExitStatus.NOT_ALLOWED


class TransientError(PartnerWarehouseError):
    """The other side failed in a way that passes (429, 5xx, time-out). Worth another try.

    Attributes:
        retry_after: Seconds that the other side asked us to wait, or None where it did not say.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BusyError(TransientError):
    """Another run holds what this one needs. It lets go by itself."""


class PermanentError(PartnerWarehouseError):
    """The other side refused in a way that no further try will change (credentials, rights, unknown object)."""
