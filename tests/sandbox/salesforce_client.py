"""The least of a Salesforce client that the tests need."""

from __future__ import annotations

from typing import Any

import httpx

from partner_warehouse.sandbox.servers.common import SECRET

QUERY = "/services/data/v62.0/query"


class Org:
    """A token, and all pages of a query."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=10)
        self.login()

    def login(self) -> httpx.Response:
        form = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": SECRET}
        answer = self.http.post("/services/oauth2/token", data=form)
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return answer

    def get(self, soql: str, path: str = QUERY, **headers: str) -> httpx.Response:
        return self.http.get(path, params={"q": soql}, headers=headers)

    def all(self, soql: str, path: str = QUERY, **headers: str) -> list[dict[str, Any]]:
        page = self.get(soql, path, **headers).json()
        records = list(page["records"])
        while not page["done"]:
            page = self.http.get(page["nextRecordsUrl"]).json()
            records += page["records"]
        return records
