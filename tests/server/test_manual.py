"""The contract as a page: all of it, and nothing from elsewhere."""

from __future__ import annotations

import json
import re
from html import unescape

from benchmarks._load import Running
from recommender.server.manual import manual
from tests.server.asking import ask
from tests.server.test_contract import FILE


def test_page_names_every_address_and_every_link_leads_somewhere(locked: Running) -> None:
    """No key is asked for: browsers send none."""
    found = ask(locked.port, "/docs")
    page = found.body.decode()
    contract = json.loads(FILE.read_text(encoding="utf-8"))

    assert (200, "text/html; charset=utf-8") == (found.status, found.headers["content-type"])
    for path, methods in contract["paths"].items():
        for method in methods:
            assert f'<h2 id="{method}{path}">' in page
    links = {unescape(link) for link in re.findall(r'href="([^"]*)"', page)}
    anchors = {"#" + unescape(anchor) for anchor in re.findall(r' id="([^"]*)"', page)}
    assert links - {"/openapi.json"} <= anchors


def test_page_loads_and_runs_nothing(locked: Running) -> None:
    """It is whole without a network, and its policy would not let it do more."""
    found = ask(locked.port, "/docs")
    page = found.body.decode()

    assert "default-src 'none'" in found.headers["content-security-policy"]
    assert [] == re.findall(r"<script|<link|<img|<iframe|@import|url\(|https?://", page)


def test_page_escapes_what_a_contract_says() -> None:
    """Whatever a description holds."""
    said = "<script>`x`"
    one = {"get": {"description": said, "responses": {"200": {"description": said}}}}
    page = manual(
        {
            "info": {"title": said, "version": said, "description": said},
            "paths": {f"/{said}": one},
            "components": {"schemas": {said: {"properties": {said: {"enum": [said]}}}}},
        }
    )

    assert "<script" not in page
    assert "&lt;script&gt;<code>x</code>" in page
