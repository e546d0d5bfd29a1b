"""What finance is told, where it has asked to be told: Slack, Teams, e-mail.

Each channel is a connection (`payouts_slack`, `payouts_teams`, `payouts_email`); one that is not configured is silent,
and one that does not answer is a warning, never a fault of what is told about. A message names periods, counts and
totals, and neither a partner nor an account.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import getaddresses
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from partner_warehouse.errors import BadInputError
from partner_warehouse.exports.currencies import money
from partner_warehouse.extract.connections import SourceConnection, find_connection

if TYPE_CHECKING:
    from partner_warehouse.ledger.payouts import PayoutState

logger = logging.getLogger(__name__)

_SECONDS = 10.0
"""How long a channel may take to answer."""

_STARTTLS_PORT, _TLS_PORT = 587, 465


def notify(subject: str, text: str = "", *, in_airflow: bool = False) -> list[str]:
    """Tell every channel that is configured.

    Args:
        subject: One line.
        text: More, in plain lines.
        in_airflow: Whether to ask Airflow for the connections although this is no task.

    Returns:
        The connections that were told.
    """
    told: list[str] = []
    for conn_id, channel in CHANNELS.items():
        try:
            connection = find_connection(conn_id, in_airflow=in_airflow)
            if connection is None:
                continue
            channel(connection, subject, text)
        except (httpx.HTTPError, httpx.InvalidURL, smtplib.SMTPException, OSError, ValueError, BadInputError) as error:
            # Its text may hold the address, which is the secret of a webhook.
            logger.warning("%s was not told (%s): %s", conn_id, type(error).__name__, subject)
            continue
        told.append(conn_id)
    return told


def _slack(connection: SourceConnection, subject: str, text: str) -> None:
    """Source: Slack, "Sending messages using incoming webhooks". `&`, `<` and `>` are its control characters."""
    message = f"*{_escaped(subject)}*\n{_escaped(text)}".rstrip()
    _post(connection, {"text": message})


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(connection: SourceConnection, subject: str, text: str) -> None:
    """Source: Microsoft, "Create incoming webhooks with Workflows for Microsoft Teams": an adaptive card."""
    blocks = [{"type": "TextBlock", "text": subject, "weight": "Bolder", "size": "Medium", "wrap": True}]
    blocks += [{"type": "TextBlock", "text": line, "wrap": True} for line in text.splitlines() if line]
    card = {"type": "AdaptiveCard", "version": "1.4", "body": blocks}
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    _post(connection, {"type": "message", "attachments": [attachment]})


def _post(connection: SourceConnection, document: dict[str, Any]) -> None:
    """To the connection's host; a password is the secret end of the address, or all of it."""
    secret = connection.password or ""
    address = secret if "://" in secret else "/".join(part for part in (connection.host, secret.lstrip("/")) if part)
    httpx.post(address, json=document, timeout=_SECONDS).raise_for_status()


def _email(connection: SourceConnection, subject: str, text: str) -> None:
    """Through the connection's server, to the addresses in its extra `to`, from its extra `from`."""
    server = urlsplit(connection.host)
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = str(connection.extra.get("from") or connection.login or "")
    recipients = [address for _, address in getaddresses([str(connection.extra.get("to") or "")]) if address]
    message["To"] = ", ".join(recipients)
    if not recipients or not message["From"]:
        raise BadInputError(f"connection {connection.conn_id}: its extra needs the addresses `from` and `to`")
    message.set_content(text or subject, cte="quoted-printable")  # which every server takes
    port = server.port or _STARTTLS_PORT
    kind = smtplib.SMTP_SSL if port == _TLS_PORT else smtplib.SMTP
    with kind(server.hostname or "", port, timeout=_SECONDS) as session:
        if port == _STARTTLS_PORT:
            session.starttls()
        if connection.login and connection.password:
            session.login(connection.login, connection.password)
        session.send_message(message)


CHANNELS: dict[str, Callable[[SourceConnection, str, str], None]] = {
    "payouts_slack": _slack,
    "payouts_teams": _teams,
    "payouts_email": _email,
}


def sums(state: PayoutState) -> str:
    """What a month pays, a line per currency, without the name of anybody."""
    return "\n".join(
        f"{money(total.payable, total.currency)} {total.currency} to {total.payouts} "
        f"partner{'' if total.payouts == 1 else 's'}"
        for total in state.totals
    )


def remind(**_: Any) -> None:
    """Say which months still wait for an approval; nothing where none does. A deadline alert calls it."""
    from partner_warehouse.ledger.payouts import PayoutService
    from partner_warehouse.settings import load_settings

    waiting = [state for state in PayoutService(load_settings()).states() if state.status == "submitted"]
    if not waiting:
        return
    totals = [f"{state.period}: {line}" for state in waiting for line in sums(state).splitlines()]
    periods = ", ".join(state.period for state in waiting)
    notify(f"Payouts of {periods} still wait for approval", "\n".join(totals), in_airflow=True)
