"""`python -m partner_warehouse.sandbox serve --home DIR`: the sample company behind its four servers."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from datetime import datetime
from pathlib import Path

import orjson

from partner_warehouse.errors import PartnerWarehouseError
from partner_warehouse.instants import parse_instant
from partner_warehouse.sandbox.calendar import AS_OF
from partner_warehouse.sandbox.company import SEED, Company
from partner_warehouse.sandbox.profiles import PROFILES
from partner_warehouse.sandbox.servers.run import Running


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m partner_warehouse.sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("serve", "serve until interrupted"), ("inbox", "only write the file drop")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--home", type=Path, required=True, help="where sandbox.json and inbox/ are written")
        command.add_argument("--seed", type=int, default=SEED)
        command.add_argument("--scale", type=float, default=1.0, help="1 is 40,000 events, 250 is ten million")
        command.add_argument(
            "--profile", choices=sorted(PROFILES), default="default", help="what goes wrong on purpose"
        )
        command.add_argument("--now", type=_instant, default=AS_OF, help="the instant that the sources show")
        command.add_argument("--port", type=int, default=0, help="the first of four ports in a row; 0 takes free ones")
    return parser


async def _serve(running: Running, home: Path) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, running.stop)
    target = home / "sandbox.json"
    temporary = target.with_suffix(".part")
    temporary.write_bytes(orjson.dumps(running.endpoints.description(), option=orjson.OPT_INDENT_2))
    temporary.replace(target)
    print(f"sandbox: {target}", flush=True)
    try:
        await running.run()
    finally:
        target.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    options.home.mkdir(parents=True, exist_ok=True)
    try:
        company = Company.generate(seed=options.seed, scale=options.scale, profile_name=options.profile)
        if options.command == "inbox":
            company.write_inbox(options.home / "inbox", options.now)
        else:
            running = Running(company, options.now, options.home / "inbox", options.port)
            asyncio.run(_serve(running, options.home))
    except PartnerWarehouseError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return int(error.exit_status)
    return 0


if __name__ == "__main__":
    sys.exit(main())
