"""The website's and product's event stream, in Segment's shape, by the hour in which the collector received it.

Events are held as columns, not as objects, and written out one hour at a time: ten million of them fit in a few
hundred megabytes. A person is anonymous on each device until an `identify` call; `userId` is the person's Salesforce
contact id, or the HubSpot one where Salesforce does not know the person.
"""

from __future__ import annotations

import gzip
import hashlib
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from partner_warehouse.sandbox.calendar import FIRST_DAY, HORIZON, months, next_month
from partner_warehouse.sandbox.chance import Chance
from partner_warehouse.sandbox.model import Contact, Deal, Lead, World
from partner_warehouse.sandbox.profiles import Defects
from partner_warehouse.sandbox.vocabulary import CHANNELS

EVENTS = 40_000
"""Events of the default company, repeated deliveries apart."""

ACTIVE_HOURS = (9, 11, 14, 16, 20)
"""The hours of a day (UTC) in which the small company has visitors; a large one has them in all."""

KEPT_EVENTS = 500_000
"""Up to this many events, the files are kept once they are written out."""

HOUR = 3_600_000
DAY = 24 * HOUR
PAGE, TRACK, IDENTIFY = 0, 1, 2
TYPES = ("page", "track", "identify")
NAMES = ("", "Partner Link Clicked", "Content Downloaded", "Webinar Joined", "Demo Requested", "Form Submitted")
PATHS = ("/", "/product", "/pricing", "/partners", "/blog", "/docs", "/customers", "/signup")
PARTNER_LINK = CHANNELS.index("partner_link")
CHANNEL_WEIGHTS = (0.22, 0.24, 0.14, 0.12, 0.08, 0.09, 0.05, 0.06)
OPENING = {PARTNER_LINK: 1, CHANNELS.index("content"): 2, CHANNELS.index("webinar"): 3}
"""With which track call a visit through a channel opens; others open with a page."""

Column = NDArray[np.int64] | NDArray[np.int32] | NDArray[np.int16] | NDArray[np.int8]

COLUMN_TYPES = (np.int64, np.int8, np.int8, np.int32, np.int32, np.int16, np.int8, np.int8)
"""Of instant, type, name, device, user, partner, channel and path: no wider than needed, for ten million rows."""


@dataclass(frozen=True, slots=True)
class EventFile:
    """A file of the collector: `YYYY/MM/DD/HH.ndjson.gz`, complete when its hour is over."""

    name: str
    complete_at: datetime
    size: int
    etag: str


class EventStream:
    """All events, ordered by file; nothing is serialised before it is asked for."""

    def __init__(self, world: World, seed: int, scale: float, defects: Defects) -> None:
        self._seed = seed
        self._chance = Chance(seed, "events")
        self._numbers = np.random.default_rng([seed, 7])
        self._defects = defects
        self._partners = [partner.account_id for partner in world.partners]
        self._devices: list[str] = []
        self._users: list[tuple[str, str]] = []
        self._rows: list[tuple[int, int, int, int, int, int, int, int]] = []
        self._all_hours = scale > 3
        for deal in world.deals:
            self._journey(deal)
        for lead in world.leads:
            self._lead(lead)
        wanted = max(0, round(EVENTS * scale) - len(self._rows))
        self._assemble(world, wanted)
        self._files: dict[int, EventFile] = {}
        self._contents: dict[int, bytes] = {}

    def _snap(self, instant: datetime) -> int:
        """Milliseconds of a visit on the day before an instant, within an active hour."""
        day = int(instant.timestamp()) // 86_400 * DAY - DAY
        hour = self._chance.number(0, 23) if self._all_hours else self._chance.one(ACTIVE_HOURS)
        return day + hour * HOUR + self._chance.number(0, 38 * 60_000)

    def _device(self, anonymous_id: str) -> int:
        self._devices.append(anonymous_id)
        return len(self._devices) - 1

    def _visit(self, device: int, start: int, channel: int, partner: int, pages: int, closing: int = 0) -> int:
        """A visit: what opened it, then pages, then perhaps a closing track call. Returns its end."""
        at = start
        name = OPENING.get(channel, 0)
        self._rows.append((at, TRACK if name else PAGE, name, device, -1, partner, channel, self._chance.number(0, 7)))
        for _ in range(pages):
            at += self._chance.number(4_000, 90_000)
            self._rows.append((at, PAGE, 0, device, -1, -1, -1, self._chance.number(0, 7)))
        if closing:
            at += self._chance.number(2_000, 60_000)
            self._rows.append((at, TRACK, closing, device, -1, -1, -1, 7))
        return at

    def _journey(self, deal: Deal) -> None:
        """The visits of a customer's people before a deal closed, on all their devices."""
        people = deal.customer.contacts[:4]
        devices = {contact.devices[0]: self._device(contact.devices[0]) for contact in people}
        sourced = [part.partner.number for part in deal.registrations if part.role == "sourced"]
        influenced = [part.partner.number for part in deal.registrations if part.role != "sourced"]
        first = max(deal.created_at - timedelta(days=60), FIRST_DAY + timedelta(days=1))
        for partner in sourced:
            contact = people[0]
            start = self._snap(self._chance.instant(first, deal.created_at + timedelta(minutes=1)))
            self._visit(devices[contact.devices[0]], start, PARTNER_LINK, partner, self._chance.number(1, 4))
        for partner in influenced:
            start = self._snap(self._chance.instant(deal.opportunity_at, deal.closed_at) + timedelta(days=1))
            if start < int(deal.closed_at.timestamp() * 1000):
                self._visit(devices[people[0].devices[0]], start, PARTNER_LINK, partner, 2)
        for _ in range(self._chance.number(1, 6)):
            contact = self._chance.one(people)
            anonymous_id = self._chance.one(contact.devices)
            if anonymous_id not in devices:
                devices[anonymous_id] = self._device(anonymous_id)
            channel = self._chance.weighted(range(len(CHANNELS)), CHANNEL_WEIGHTS)
            if channel == PARTNER_LINK:
                channel = 0
            start = self._snap(self._chance.instant(first, max(deal.closed_at, first + timedelta(hours=1))))
            self._visit(devices[anonymous_id], start, channel, -1, self._chance.number(1, 4))
        if deal.customer.number % 25 != 0:  # a few customers are never recognised
            for contact in people:
                self._identify(contact, devices, deal.closed_at)

    def _identify(self, contact: Contact, devices: dict[str, int], closed_at: datetime) -> None:
        """The person logs in on each device that the journey used."""
        user_id = contact.salesforce_id or contact.hubspot_id
        if user_id is None or contact.created_at >= closed_at:
            return
        self._users.append((user_id, contact.email))
        for anonymous_id in contact.devices:
            if anonymous_id in devices:
                at = self._snap(self._chance.instant(contact.created_at, closed_at) + timedelta(days=2))
                self._rows.append((at, IDENTIFY, 0, devices[anonymous_id], len(self._users) - 1, -1, -1, 7))

    def _lead(self, lead: Lead) -> None:
        partner = lead.partner.number if lead.partner else -1
        channel = self._chance.weighted(range(len(CHANNELS)), CHANNEL_WEIGHTS)
        if lead.partner:
            channel = PARTNER_LINK
        elif channel == PARTNER_LINK:
            channel = 1
        if lead.created_at > FIRST_DAY + timedelta(days=1):
            self._visit(self._device(lead.device), self._snap(lead.created_at), channel, partner, 0, closing=5)

    def _noise(self, world: World, wanted: int) -> list[Column]:
        """Visitors who leave no name; a share comes through partners, more from month to month."""
        numbers = self._numbers
        calendar = months()
        weights = np.array([1.0 + 0.05 * index for index in range(len(calendar))])
        counts = numbers.multinomial(wanted, weights / weights.sum())
        found: list[list[Column]] = []
        next_device = len(self._devices)
        for index, (month, count) in enumerate(zip(calendar, counts, strict=True)):
            working = [partner.number for partner in world.partners if partner.works_at(month)]
            length = (next_month(month) - month).days
            day = numbers.integers(0, length, count) * DAY + int(month.timestamp()) * 1000
            hour = numbers.integers(0, 24, count) if self._all_hours else numbers.choice(ACTIVE_HOURS, count)
            at = day + hour * HOUR + numbers.integers(0, 38 * 60_000, count)
            device = next_device + numbers.integers(0, max(1, int(count * 0.6)), count)
            next_device += max(1, int(count * 0.6))
            share = np.array(CHANNEL_WEIGHTS)
            share[PARTNER_LINK] += 0.01 * index
            channel = numbers.choice(len(CHANNELS), count, p=share / share.sum())
            partner = np.where((channel == PARTNER_LINK) & bool(working), numbers.choice(working or [-1], count), -1)
            channel = np.where((channel == PARTNER_LINK) & (partner < 0), 1, channel)
            name = np.select([channel == key for key in OPENING], list(OPENING.values()), 0)
            path = numbers.integers(0, len(PATHS), count)
            none = np.full(count, -1)
            rows = (at, np.where(name > 0, TRACK, PAGE), name, device, none, partner, channel, path)
            found.append([column.astype(kind) for column, kind in zip(rows, COLUMN_TYPES, strict=True)])
        return [np.concatenate([part[place] for part in found]) for place in range(len(COLUMN_TYPES))]

    def _assemble(self, world: World, wanted: int) -> None:
        """Put all rows into columns, deliver some again or late, and order them by file."""
        known = np.array(self._rows, dtype=np.int64).reshape(-1, 8)
        self._rows = []
        noise = self._noise(world, wanted)
        columns = [
            np.concatenate([known[:, place].astype(kind), noise[place]]) for place, kind in enumerate(COLUMN_TYPES)
        ]
        del known, noise
        inside = columns[0] < int(HORIZON.timestamp()) * 1000
        columns = [column[inside] for column in columns]
        count = len(columns[0])
        numbers = self._numbers
        received = columns[0] + numbers.integers(150, 2_500, count)
        late = numbers.random(count) < self._defects.late_events
        received = np.where(late, received + numbers.integers(1, 6, count) * DAY, received)
        again = np.flatnonzero(numbers.random(count) < self._defects.duplicate_events)
        delays = np.where(numbers.random(len(again)) < 0.5, 60_000, numbers.integers(1, 4, len(again)) * DAY)
        source = np.concatenate([np.arange(count), again])
        received = np.concatenate([received, received[again] + delays])
        # Within an hour the collector writes in the order of its workers, not of time.
        jitter = numbers.integers(0, 120_000, len(received))
        order = np.lexsort((received + jitter, received // HOUR))
        self._source = source[order].astype(np.int32)
        self._received = received[order]
        self._at, self._kind, self._name, self._device_of = columns[:4]
        self._user_of, self._partner_of, self._channel_of, self._path_of = columns[4:]
        self._broken: dict[int, int] = {}
        if self._defects.broken_events and wanted:
            # Only visitors without a name: nothing else depends on these.
            first = count - min(wanted, count)
            chosen = numbers.integers(first, count, self._defects.broken_events)
            kinds = 3 if self._defects.broken_events > 10 else 2
            self._broken = {int(row): 1 + index % kinds for index, row in enumerate(chosen)}
        hours, starts = np.unique(self._received // HOUR, return_index=True)
        self._hours: list[int] = [int(hour) for hour in hours]
        self._starts: list[int] = [int(start) for start in starts] + [len(self._received)]
        self._names = [_file_name(hour) for hour in self._hours]
        self._index = {name: position for position, name in enumerate(self._names)}

    def __len__(self) -> int:
        """How many events are delivered, repeated deliveries counted."""
        return len(self._received)

    def names(self, now: datetime) -> list[str]:
        """Names of the files that are complete at `now`, in order."""
        limit = int(now.timestamp() * 1000) // HOUR
        return self._names[: bisect_left(self._hours, limit)]

    def describe(self, name: str) -> EventFile:
        """A file's size and etag.

        Raises:
            KeyError: There is no such file.
        """
        position = self._index[name]
        if position not in self._files:
            content = self.content(name)
            complete_at = datetime.fromtimestamp((self._hours[position] + 1) * 3600, UTC)
            etag = hashlib.blake2b(content, digest_size=16).hexdigest()
            self._files[position] = EventFile(name, complete_at, len(content), etag)
        return self._files[position]

    def content(self, name: str) -> bytes:
        """A file: gzip, one JSON object per line.

        Raises:
            KeyError: There is no such file.
        """
        position = self._index[name]
        if position in self._contents:
            return self._contents[position]
        lines = [self._line(row) for row in range(self._starts[position], self._starts[position + 1])]
        content = gzip.compress(("\n".join(lines) + "\n").encode(), compresslevel=1, mtime=0)
        if len(self) <= KEPT_EVENTS:
            self._contents[position] = content
        return content

    def _anonymous(self, device: int) -> str:
        if device < len(self._devices):
            return self._devices[device]
        text = hashlib.blake2b(f"{self._seed}:visitor:{device}".encode(), digest_size=16).hexdigest()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-b{text[17:20]}-{text[20:]}"

    def _line(self, row: int) -> str:
        """One event as JSON. All values are ours and need no escaping."""
        source = int(self._source[row])
        broken = self._broken.get(source, 0)
        kind = int(self._kind[source])
        at = int(self._at[source])
        timestamp = "not-a-time" if broken == 1 else _iso(at)
        message = hashlib.blake2b(f"{self._seed}:{source}".encode(), digest_size=12).hexdigest()
        parts = [] if broken == 2 else [f'"messageId":"ajs-next-{message}"']
        parts.append(f'"type":"{TYPES[kind]}"')
        name = int(self._name[source])
        path = PATHS[int(self._path_of[source])]
        properties = [f'"path":"{path}"', f'"url":"https://www.sandbox.example{path}"']
        channel, partner = int(self._channel_of[source]), int(self._partner_of[source])
        if channel >= 0:
            properties.append(f'"channel":"{CHANNELS[channel]}"')
        if partner >= 0:
            properties.append(f'"partner_id":"{self._partners[partner]}"')
        user_id = "null"
        traits = ""
        if kind == IDENTIFY:
            identifier, email = self._users[int(self._user_of[source])]
            user_id = f'"{identifier}"'
            traits = f',"traits":{{"email":"{email}"}}'
            parts.append(f'"traits":{{"email":"{email}"}}')
        elif kind == TRACK:
            parts.append(f'"event":"{NAMES[name]}"')
        parts.append(f'"anonymousId":"{self._anonymous(int(self._device_of[source]))}","userId":{user_id}')
        if kind != IDENTIFY:
            parts.append(f'"properties":{{{",".join(properties)}}}')
        library = '"library":{"name":"analytics.js","version":"next-1.81.0"},"locale":"en-GB"'
        parts.append(f'"context":{{{library}{traits}}},"integrations":{{}}')
        sent, received = _iso(at + 120), _iso(int(self._received[row]))
        parts.append(f'"timestamp":"{timestamp}","originalTimestamp":"{timestamp}"')
        parts.append(f'"sentAt":"{sent}","receivedAt":"{received}"')
        line = "{" + ",".join(parts) + "}"
        return line[: len(line) // 2] if broken == 3 else line


def _file_name(hour: int) -> str:
    return f"{datetime.fromtimestamp(hour * 3600, UTC):%Y/%m/%d/%H}.ndjson.gz"


def _iso(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"
