"""The gates' results as pages of Airflow, for those who are logged in to it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from partner_warehouse.settings import load_settings

PREFIX = "/gates"


async def pages(scope: Any, receive: Any, send: Any) -> None:
    """The pages as an ASGI application, made at the first request: every task loads this file, none needs the pages."""
    await _application()(scope, receive, send)


@cache
def _application() -> Any:
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi import Depends, FastAPI, HTTPException
    from fastapi.responses import FileResponse, HTMLResponse

    application = FastAPI(dependencies=[Depends(get_user)], docs_url=None, redoc_url=None, openapi_url=None)

    @application.get("/")
    def stages() -> Any:
        """The stages that were checked."""
        found = sorted(path.parent.name for path in _docs().glob("*/index.html"))
        items = "".join(f'<li><a href="{PREFIX}/{stage}/index.html">{stage}</a></li>' for stage in found)
        return HTMLResponse(f"<h1>Gates</h1><ul>{items or '<li>No gate has run yet.</li>'}</ul>")

    @application.get("/{path:path}")
    def page(path: str) -> Any:
        """One gate's page; nothing outside of them."""
        target = (_docs() / path).resolve()
        if not target.is_relative_to(_docs()) or not target.is_file():
            raise HTTPException(404, "no such page")
        return FileResponse(target)

    return application


def _docs() -> Path:
    return (load_settings().home / "gates" / "docs").resolve()


class GatesPage(AirflowPlugin):
    """Puts the pages into Airflow's navigation."""

    name = "gates"
    fastapi_apps: ClassVar = [{"app": pages, "url_prefix": PREFIX, "name": "gates"}]
    external_views: ClassVar = [
        {"name": "Gates", "href": f"{PREFIX}/", "destination": "nav", "category": "browse", "url_route": "gates_page"}
    ]
