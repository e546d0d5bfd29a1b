"""Reads a NACHA file by its positions, from the record specifications, without a line of what writes it."""

from __future__ import annotations

from typing import Any

FIELDS: dict[str, dict[str, tuple[int, int]]] = {
    "1": {"destination": (4, 13), "origin": (14, 23), "created": (24, 33), "modifier": (34, 34), "format": (35, 40)},
    "5": {
        "service_class": (2, 4),
        "company": (5, 20),
        "company_id": (41, 50),
        "sec": (51, 53),
        "effective": (70, 75),
        "status": (79, 79),
        "odfi": (80, 87),
        "number": (88, 94),
    },
    "6": {
        "code": (2, 3),
        "routing": (4, 12),
        "account": (13, 29),
        "cents": (30, 39),
        "id": (40, 54),
        "name": (55, 76),
        "addenda": (79, 79),
        "trace": (80, 94),
    },
    "7": {"type": (2, 3), "text": (4, 83), "sequence": (84, 87), "entry": (88, 94)},
    "8": {
        "service_class": (2, 4),
        "entries": (5, 10),
        "hash": (11, 20),
        "debits": (21, 32),
        "credits": (33, 44),
        "company_id": (45, 54),
        "odfi": (80, 87),
        "number": (88, 94),
    },
    "9": {
        "batches": (2, 7),
        "blocks": (8, 13),
        "entries": (14, 21),
        "hash": (22, 31),
        "debits": (32, 43),
        "credits": (44, 55),
    },
}


def read(content: bytes) -> list[dict[str, Any]]:
    """Every record with its fields; the filling at the end is left out. Asserts what holds for any such file."""
    lines = content.decode("ascii").splitlines()
    assert all(len(line) == 94 for line in lines)
    assert len(lines) % 10 == 0
    filling = [line for line in lines if line == "9" * 94]
    assert len(filling) < 10
    assert lines[len(lines) - len(filling) :] == filling
    records = []
    for line in lines[: len(lines) - len(filling)]:
        places = FIELDS[line[0]]
        fields = {name: line[start - 1 : end] for name, (start, end) in places.items()}
        records.append({"record": line[0]} | fields)
    entries = [record for record in records if record["record"] == "6"]
    controls = [record for record in records if record["record"] == "8"]
    end = records[-1]
    assert end["record"] == "9"
    assert int(end["batches"]) == len(controls)
    assert int(end["blocks"]) * 10 == len(lines)
    addenda = sum(record["record"] == "7" for record in records)
    assert int(end["entries"]) == len(entries) + addenda == sum(int(control["entries"]) for control in controls)
    assert int(end["hash"]) == sum(int(entry["routing"][:8]) for entry in entries) % 10**10
    assert int(end["credits"]) == sum(int(entry["cents"]) for entry in entries)
    assert int(end["credits"]) == sum(int(control["credits"]) for control in controls)
    assert int(end["debits"]) == 0
    assert [entry["trace"] for entry in entries] == sorted({entry["trace"] for entry in entries})
    return records
