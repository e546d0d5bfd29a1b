"""The sandbox's servers as a child process, which ends with the block that started it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from partner_warehouse.errors import PartnerWarehouseError

_READY_WITHIN = 120.0
"""Seconds. The default company takes three; a hundred times the business takes longer."""

_STOP_WITHIN = 5.0


class SandboxProcess:
    """Generates the company and serves it, beside whatever else this process does meanwhile.

    Args:
        home: Where `sandbox.json`, the inbox and the log are written.
        scale: Size of the company; 1 is the default one.
    """

    def __init__(self, home: Path, *, scale: float | None = None) -> None:
        self._description = home / "sandbox.json"
        self._description.unlink(missing_ok=True)
        self._log = home / "logs" / "sandbox.log"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "partner_warehouse.sandbox", "serve", "--home", str(home)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                command + ([] if scale is None else ["--scale", str(scale)]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )

    def connections(self) -> dict[str, str]:
        """Wait until the servers listen; the environment variables that give Airflow its connections to them.

        Raises:
            PartnerWarehouseError: The servers ended, or did not come up.
        """
        deadline = time.monotonic() + _READY_WITHIN
        while not self._description.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:])
                raise PartnerWarehouseError(f"the sandbox's servers did not come up; their log is {self._log}\n{tail}")
            time.sleep(0.1)
        connections: dict[str, str] = json.loads(self._description.read_text(encoding="utf-8"))["connections"]
        return connections

    def stop(self) -> None:
        """Stop the servers. Safe to call twice."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> SandboxProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
