"""ISO 20022 credit transfers, pain.001.001.09: written, and held against the schema before anybody gets the file.

Source: ISO 20022 message definition CustomerCreditTransferInitiationV09; EPC132-08, the SEPA customer-to-bank
guidelines.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files
from itertools import groupby

from lxml import etree  # type: ignore[import-untyped]

from partner_warehouse.errors import PartnerWarehouseError
from partner_warehouse.exports.payments import Order, Payment, total
from partner_warehouse.exports.texts import bank_text, reference
from partner_warehouse.exports.vault import SEPA, Account

VERSION = "pain.001.001.09"
NAMESPACE = f"urn:iso:std:iso:20022:tech:xsd:{VERSION}"

_NAME, _REMITTANCE = 70, 140
"""Characters that SEPA takes of a name and of a remittance text; other schemes take as many or more."""

_COMMISSION = "COMM"
"""ISO 20022 external purpose code: payment of a commission."""

_DIGITS = 18
"""Digits of an amount and of a control sum, in all."""

_LARGEST_SEPA = Decimal("999999999.99")
"""Of one credit transfer in SEPA (EPC132-08, amount of the credit transfer)."""


def fits(payment: Payment) -> bool:
    """Whether the format takes a payment, and its scheme the amount."""
    if payment.own.method == SEPA and payment.amount > _LARGEST_SEPA:
        return False
    return holds(1, payment.amount)


def holds(_: int, amount: Decimal) -> bool:
    """Whether one file takes payments of that control sum. Their number has 15 digits."""
    return len(amount.as_tuple().digits) <= _DIGITS


def write(order: Order, payments: Sequence[Payment]) -> bytes:
    """The file of an order: a payment information block for each of the company's accounts.

    Args:
        order: What it is for.
        payments: At least one, of the methods sepa and iso20022; each `fits`, and a file `holds` them.

    Raises:
        PartnerWarehouseError: It does not validate. It names no account.
    """
    document = etree.Element("Document", nsmap={None: NAMESPACE})
    message = _add(document, "CstmrCdtTrfInitn")
    header = _add(message, "GrpHdr")
    _add(header, "MsgId", order.message_id)
    _add(header, "CreDtTm", f"{order.created_at:%Y-%m-%dT%H:%M:%S}Z")
    _add(header, "NbOfTxs", str(len(payments)))
    _add(header, "CtrlSum", f"{total(payments):f}")
    _add(_add(header, "InitgPty"), "Nm", bank_text(payments[0].own.holder, _NAME))
    ordered = sorted(payments, key=_block)
    for (currency, method), block in groupby(ordered, key=_block):
        _add_block(message, order, f"{order.message_id}-{currency}{method[0].upper()}", list(block))
    _validate(document)
    content: bytes = etree.tostring(document, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return content


def _block(payment: Payment) -> tuple[str, str]:
    return payment.currency, payment.own.method


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    child = etree.SubElement(parent, name)
    child.text = text
    return child


def _add_block(message: etree._Element, order: Order, block_id: str, payments: Sequence[Payment]) -> None:
    own, currency = payments[0].own, payments[0].currency
    block = _add(message, "PmtInf")
    _add(block, "PmtInfId", reference(block_id))
    _add(block, "PmtMtd", "TRF")
    _add(block, "BtchBookg", "true")
    _add(block, "NbOfTxs", str(len(payments)))
    _add(block, "CtrlSum", f"{total(payments):f}")
    if own.method == SEPA:
        _add(_add(_add(block, "PmtTpInf"), "SvcLvl"), "Cd", "SEPA")
    _add(_add(block, "ReqdExctnDt"), "Dt", order.execution_on.isoformat())
    _add_party(_add(block, "Dbtr"), own)
    account = _add(block, "DbtrAcct")
    _add_account(account, own)
    _add(account, "Ccy", currency)
    _add_agent(_add(block, "DbtrAgt"), own)
    _add(block, "ChrgBr", "SLEV" if own.method == SEPA else "SHAR")
    for payment in payments:
        _add_payment(block, order, payment)


def _add_payment(block: etree._Element, order: Order, payment: Payment) -> None:
    transfer = _add(block, "CdtTrfTxInf")
    ids = _add(transfer, "PmtId")
    _add(ids, "InstrId", payment.end_to_end_id)
    _add(ids, "EndToEndId", payment.end_to_end_id)
    _add(_add(transfer, "Amt"), "InstdAmt", f"{payment.amount:f}").set("Ccy", payment.currency)
    if payment.to.bic:
        _add_agent(_add(transfer, "CdtrAgt"), payment.to)
    _add_party(_add(transfer, "Cdtr"), payment.to)
    _add_account(_add(transfer, "CdtrAcct"), payment.to)
    _add(_add(transfer, "Purp"), "Cd", _COMMISSION)
    remittance = f"Partner commission {order.period} {payment.end_to_end_id}"
    _add(_add(transfer, "RmtInf"), "Ustrd", bank_text(remittance, _REMITTANCE))


def _add_party(parent: etree._Element, account: Account) -> None:
    _add(parent, "Nm", bank_text(account.holder, _NAME))
    if account.country:
        _add(_add(parent, "PstlAdr"), "Ctry", account.country)


def _add_account(parent: etree._Element, account: Account) -> None:
    ids = _add(parent, "Id")
    if account.iban:
        _add(ids, "IBAN", account.iban)
    else:
        _add(_add(ids, "Othr"), "Id", account.account_number)


def _add_agent(parent: etree._Element, account: Account) -> None:
    institution = _add(parent, "FinInstnId")
    if account.bic:
        _add(institution, "BICFI", account.bic)
    else:
        _add(_add(institution, "Othr"), "Id", "NOTPROVIDED")


@cache
def _schema() -> etree.XMLSchema:
    """The ISO schema, as the package `sepaxml` carries it: nothing is fetched."""
    source = files("sepaxml").joinpath("schemas", f"{VERSION}.xsd").read_bytes()
    return etree.XMLSchema(etree.fromstring(source, etree.XMLParser(no_network=True, resolve_entities=False)))


def _validate(document: etree._Element) -> None:
    # Elements were added without their namespace, as they are read; the schema wants it on each.
    schema = _schema()
    whole = etree.fromstring(etree.tostring(document))
    if not schema.validate(whole):
        # The schema's own message quotes the value, which may be an account.
        places = sorted({f"{error.path} ({error.type_name})" for error in schema.error_log})
        told = [f"the {VERSION} file does not validate, and is not written", *places[:5]]
        raise PartnerWarehouseError("\n".join(told))
