"""Where event files lie: behind a collector's HTTP listing, or in a directory or object store that fsspec reads.

https://…                   GET /v1/files?after=<name>&limit=<n>, GET /v1/files/<name>
file:///…, s3://…, gs://…   `.gz` files below an address, in the order of their names, which is that of time
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import orjson

from partner_warehouse.errors import BadInputError, PermanentError, TransientError
from partner_warehouse.extract.connections import SourceConnection
from partner_warehouse.extract.http import Onward, SourceClient

LIST_LIMIT = 1000

_CREDENTIALS = {"s3": ("key", "secret"), "s3a": ("key", "secret"), "az": ("account_name", "account_key")}
"""As which options of fsspec a connection's login and password are given, by protocol. Without them the machine's own
role is used, which is better."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as it is listed; another tag means another content. A collector need not give any."""

    name: str
    bytes: int
    etag: str

    @property
    def mark(self) -> str:
        """What tells a content from another one: the tag, else the size."""
        return self.etag or f"{self.bytes} bytes"


class EventFiles(Protocol):
    """A place with event files."""

    def list(self, after: str) -> Iterator[Listed]:
        """The files after a name, in the order of their names."""
        ...

    def save(self, name: str, target: Path) -> None:
        """Copy one file."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


def event_files(connection: SourceConnection, **options: Any) -> EventFiles:
    """The place that a connection's host names.

    Args:
        connection: Its host is a URL of any protocol that fsspec knows.
        options: For the HTTP client, in tests.
    """
    if connection.host.startswith(("http://", "https://")):
        return Collector(connection, **options)
    return Store(connection)


class Collector:
    """Files behind HTTP."""

    def __init__(self, connection: SourceConnection, **options: Any) -> None:
        headers = connection.bearer()
        self._client = SourceClient("events", connection.host, authorise=lambda _: headers, **options)

    def close(self) -> None:
        """Close the HTTP connections."""
        self._client.__exit__()

    def list(self, after: str) -> Iterator[Listed]:
        """Page by page."""
        onward = Onward("events: GET /v1/files")
        while True:
            parameters = {"after": onward.to(after), "limit": str(LIST_LIMIT)}
            page: Mapping[str, Any] = orjson.loads(
                self._client.get("/v1/files", lists="files", params=parameters).content
            )
            for entry in page["files"]:
                yield Listed(entry["name"], int(entry["bytes"]), str(entry.get("etag", "")))
            if page.get("has_more") is False:
                return
            if page.get("has_more") is not True or not page["files"]:
                raise TransientError("events: GET /v1/files answered without `has_more`, or with more behind no file")
            after = page["files"][-1]["name"]

    def save(self, name: str, target: Path) -> None:
        """With the retries of the client: a file that breaks off is asked for again."""
        # A server may name the file's own compression as that of the transport, which would be undone on the way.
        identity = {"Accept-Encoding": "identity"}
        target.write_bytes(self._client.get(f"/v1/files/{quote(name)}", as_stored=True, headers=identity).content)


class Store:
    """Files below an address of a file system or an object store.

    Names that start with `.` or `_` are passed over, as writers name what is not finished.
    """

    def __init__(self, connection: SourceConnection) -> None:
        import fsspec  # type: ignore[import-untyped]

        protocol = connection.host.partition("://")[0]
        options: dict[str, Any] = dict(connection.extra.get("storage_options", {}))
        for option, value in zip(_CREDENTIALS.get(protocol, ()), (connection.login, connection.password), strict=False):
            if value:
                options.setdefault(option, value)
        try:
            self._system, self._root = fsspec.core.url_to_fs(connection.host, **options)
        except (ImportError, ValueError) as error:
            package = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
            raise BadInputError(
                f"events: addresses of {protocol}:// cannot be read here; install {package.get(protocol, protocol)}"
                if isinstance(error, ImportError)
                else f"events: no protocol {protocol}://; write https://, file://, s3://, gs:// or az://"
            ) from None

    def close(self) -> None:
        """Nothing is held."""

    def list(self, after: str) -> Iterator[Listed]:
        """Directory by directory: those whose names are all before `after` are not read.

        Raises:
            PermanentError: The address is not there, or may not be read.
            TransientError: The store failed.
        """
        yield from self._below("", after)

    def _below(self, directory: str, after: str) -> Iterator[Listed]:
        try:
            entries = self._system.ls(f"{self._root}/{directory}".rstrip("/"), detail=True, refresh=True)
        except TypeError:
            entries = self._system.ls(f"{self._root}/{directory}".rstrip("/"), detail=True)
        except Exception as error:
            raise _fault(error, "list the files") from None
        found = []
        for entry in entries:
            name = str(entry["name"]).removeprefix(self._root).strip("/")
            if name and not name.rpartition("/")[2].startswith((".", "_")):
                is_directory = entry["type"] == "directory"
                found.append((f"{name}/" if is_directory else name, is_directory, entry))
        for name, is_directory, entry in sorted(found, key=lambda one: one[0]):
            if is_directory and name >= after[: len(name)]:
                yield from self._below(name, after)
            elif not is_directory and name.endswith(".gz") and name > after:
                yield Listed(name, int(entry["size"] or 0), _tag(entry))

    def save(self, name: str, target: Path) -> None:
        """In pieces: a file is never in memory.

        Raises:
            PermanentError: It may not be read.
            TransientError: The store failed.
        """
        try:
            self._system.get_file(f"{self._root}/{name}", str(target))
        except Exception as error:
            raise _fault(error, f"read {name}") from None


def _tag(entry: Mapping[str, Any]) -> str:
    tag = next((entry[key] for key in ("ETag", "etag", "md5Hash", "content_md5") if entry.get(key)), None)
    changed = next((entry[key] for key in ("LastModified", "mtime", "updated", "created") if entry.get(key)), "")
    return str(tag if tag is not None else f"{entry['size']}-{changed}").strip('"')


def _fault(error: Exception, what: str) -> TransientError | PermanentError:
    """A store's errors are of many kinds, and their texts may hold addresses with keys: their kind is told alone."""
    if isinstance(error, PermissionError):
        return PermanentError(
            f"events: not allowed to {what}; grant the connection's user or the role to list and read"
        )
    if isinstance(error, FileNotFoundError):
        return PermanentError(f"events: cannot {what}, there is no such address; check the connection's host")
    return TransientError(f"events: cannot {what}: {type(error).__name__}")
