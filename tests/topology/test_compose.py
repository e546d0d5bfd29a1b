"""`docker-compose.yml`: well-formed, complete, healthy by its own checks, and without a secret."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from partner_warehouse.settings import ROOT

COMPOSE = ROOT / "docker-compose.yml"
AIRFLOW_SERVICES = ("airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-worker")
ONE_SHOT = {"airflow-init"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return document


def example() -> dict[str, str]:
    """The variables of `.env.example`, those that are commented out too."""
    lines = (ROOT / "docker" / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(
        match.groups() for line in lines if (match := re.fullmatch(r"(?:# )?([A-Z][A-Z0-9_]*)=(.*)", line)) is not None
    )


def test_every_service_of_the_production_shape_is_there(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"postgres", "redis", "sandbox", *ONE_SHOT, *AIRFLOW_SERVICES}
    assert compose["services"]["sandbox"]["profiles"] == ["sandbox"]


def test_every_service_that_stays_up_says_whether_it_is_healthy(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name not in ONE_SHOT:
            assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}, name
            assert service["restart"] == "unless-stopped", name


def test_services_start_after_what_they_need(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name in AIRFLOW_SERVICES:
        needs = services[name]["depends_on"]
        assert needs["airflow-init"]["condition"] == "service_completed_successfully"
        assert needs["postgres"]["condition"] == needs["redis"]["condition"] == "service_healthy"
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)


def test_state_is_kept_in_declared_volumes(compose: dict[str, Any]) -> None:
    used = set()
    for service in compose["services"].values():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
            else:
                used.add(source)
    assert used == set(compose["volumes"])


def test_celery_runs_over_postgresql_and_redis_and_the_ledger_has_a_login_of_its_own(compose: dict[str, Any]) -> None:
    environment = compose["services"]["airflow-scheduler"]["environment"]
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("postgresql+psycopg2://airflow:")
    assert environment["AIRFLOW__CELERY__BROKER_URL"].startswith("redis://")
    assert environment["PARTNER_WAREHOUSE_LEDGER_URL"].startswith("postgresql+psycopg://ledger:")


def test_no_secret_is_written_down_and_every_required_one_is_in_the_example() -> None:
    text = COMPOSE.read_text(encoding="utf-8")
    for line in text.splitlines():
        if re.search(r"PASSWORD|SECRET|FERNET", line.split("#")[0]) and ":" in line:
            assert "${" in line or "$$" in line, line
    required = set(re.findall(r"\$\{([A-Z0-9_]+):\?", text))
    optional = set(re.findall(r"\$\{([A-Z0-9_]+):-", text)) - {"PARTNER_WAREHOUSE_IMAGE"}
    assert required | optional == set(example())
    assert {name: example()[name] for name in required} == dict.fromkeys(required, "")


def test_the_image_is_built_from_the_hashed_lock_and_holds_every_room() -> None:
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    assert "scripts/setup" in dockerfile
    assert "--require-hashes" in (ROOT / "scripts" / "setup").read_text(encoding="utf-8")
    for room in ("include", "dags", "plugins", "dbt_project", "expectations", "docker"):
        assert f"{room}/ {room}/" in dockerfile
    assert "USER airflow" in dockerfile


def test_the_scripts_are_well_formed() -> None:
    for script in (ROOT / "docker").glob("*.sh"):
        subprocess.run(["bash", "-n", str(script)], check=True)
    roles = json.loads((ROOT / "docker" / "roles.json").read_text(encoding="utf-8"))
    assert {role["name"] for role in roles} == {"Finance"}
    # Reading connections, or editing what tasks have left, is not for those who approve.
    assert {role["resource"] for role in roles if "can_edit" in role["action"]} == {"DAGs", "HITL Detail"}
    assert not {role["resource"] for role in roles} & {"Connections", "Variables", "Configurations"}


def compose_command() -> list[str] | None:
    """Docker Compose: the one of `scripts/setup`, or the plugin of an installed Docker; None where neither runs."""
    # Not its launcher, which answers 0 whatever happens.
    package = importlib.util.find_spec("compose")
    shipped = Path(package.origin).with_name("docker-compose") if package is not None and package.origin else None
    for command in ([str(shipped)], ["docker", "compose"]):
        if shutil.which(command[0]) is None:
            continue
        try:
            if subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0:
                return command
        except OSError:
            continue  # built for another machine
    return None


def test_compose_itself_accepts_the_file_and_refuses_a_broken_one(tmp_path: Path) -> None:
    command = compose_command()
    if command is None:
        pytest.skip("no docker compose that runs here, from its wheel or installed: it did not read docker-compose.yml")
    filled = {name: value or "x" for name, value in example().items()}

    def config(path: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, "--file", str(path), "--profile", "sandbox", "config", "--quiet"],
            env={"PATH": "/usr/bin:/bin:/usr/local/bin"} | filled,
            capture_output=True,
            text=True,
            check=False,
        )

    accepted = config(COMPOSE)
    assert (accepted.returncode, accepted.stderr) == (0, "")
    broken = tmp_path / "docker-compose.yml"
    broken.write_text("services: {one: {image: x, depends_on: [nobody]}}\n", encoding="utf-8")
    refused = config(broken)
    assert refused.returncode != 0
    assert "nobody" in refused.stderr
