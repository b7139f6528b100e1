"""What no reader may see yet, or at all: no option of a caller brings it out, by no route."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

import recommender
from benchmarks._load import Running
from recommender.server.keys import add_key
from recommender.server.options import Terms, check_options
from recommender.server.problems import ProblemError
from tests.server.asking import Answer, ask

LATER = "2099-01-01T00:00:00Z"
# Names come after the originals', or a copy would be the first article of the story and name it.
EARLY = {"x_embargoed": {"embargo_until": LATER}, "x_ahead": {"published_at": LATER}}
MARKS: dict[str, dict[str, Any]] = {**EARLY, "x_sensitive": {"sensitive": True}}
KEYS = ("sc-en-0001", "sc-uk-0001", "sc-ru-0001")
TRIED: list[dict[str, Any]] = [
    {},
    {"preset": "similarity"},
    {"preset": "similarity", "rules": True},
    {"preset": "latest"},
    {"preset": "popular"},
    {"rules": False},
    {"rules": False, "preset": "similarity"},
    {"now": LATER},
    {"now": "2100-06-01", "preset": "latest"},
    {"explain": True},
    {"explain": True, "preset": "similarity"},
    {"fallback": "latest", "threshold": 1.0},
    {"languages": "any", "twins": True},
]


@dataclass(frozen=True)
class Served:
    """A service and what asks it: nobody's key, a reader's, the desk's."""

    port: int
    secrets: Mapping[str, str | None]


@pytest.fixture(scope="module")
def hiding(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled corpus, and near each of three articles one of every kind to be hidden."""
    lines = (sample / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    articles = [json.loads(line) for line in lines]
    by_id = {article["id"]: article for article in articles}
    for key in KEYS:
        for name, marks in MARKS.items():
            own = {"id": f"{name}-{key}", "url": None, "title": f"HIDDEN {name} {key}"}
            articles.append({**by_id[key], **own, **marks})
    folder = tmp_path_factory.mktemp("hiding") / "model"
    recommender.build(articles, folder)
    return folder


@pytest.fixture(scope="module", params=["keys", "no keys"])
def served(
    hiding: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Served]:
    """A service with keys, and one without: there nobody is an administrator."""
    if request.param == "no keys":
        with Running(hiding, drain_seconds=0) as running:
            yield Served(running.port, {"reader": None})
        return
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    secrets = {"reader": add_key(path, "reader", ["read"])[1]}
    secrets["desk"] = add_key(path, "desk", ["read", "admin"])[1]
    with Running(hiding, drain_seconds=0, keys=path) as running:
        yield Served(running.port, secrets)


def answers(served: Served, who: str, key: str, options: Mapping[str, Any]) -> dict[str, Answer]:
    """Return what every route answers that takes options."""
    secret, port = served.secrets[who], served.port
    words = {n: str(v).lower() if isinstance(v, bool) else v for n, v in options.items()}
    query, at = urlencode(words), quote(key)
    title = f"HIDDEN {key}"
    draft = {"title": title, "body": "Ostra bridge міст мост Зарічне Заречье", "lang": key[3:5]}
    page = {"key": key, "blocks": {"more": options}}
    posts: dict[str, Any] = {
        "/v1/related": {"keys": [key], "options": options},
        "/v1/related ": {"article": draft, "options": options},
        "/v1/related/batch": {"keys": [key], "articles": [draft], "options": options},
    }
    if "explain" not in options:
        posts["/v1/related/page"] = page
    gets = [
        f"/v1/articles/{at}/related?{query}",
        f"/v1/articles/{at}/related.html?{query}",
        f"/v1/related?id={at}&{query}",
    ]
    found = {path: ask(port, path, key=secret) for path in gets}
    for path, body in posts.items():
        found[path] = ask(port, path.strip(), method="POST", body=body, key=secret)
    return found


def cards(found: Any) -> set[str]:
    """Return the ids of all cards of an answer, and of their copies."""
    if isinstance(found, dict):
        own = {str(found["id"]), *found.get("copies", ())} if "rank" in found else set()
        return own.union(*map(cards, found.values()))
    return set().union(*map(cards, found)) if isinstance(found, list) else set()


@pytest.mark.parametrize("options", TRIED, ids=lambda o: json.dumps(o))
@pytest.mark.parametrize("key", KEYS)
def test_option_brought_out_what_is_hidden(
    served: Served, key: str, options: dict[str, Any]
) -> None:
    """An embargo, a date to come and the mark sensitive hold; whoever asks for more is refused."""
    wants_more = options.get("rules") is False or "now" in options
    for path, found in answers(served, "reader", key, {**options, "duplicates": 0}).items():
        if wants_more:
            assert (403, "not-allowed") == (found.status, found.json["code"]), path
            continue
        assert found.status == 200, (path, found.body)
        text = found.body.decode()
        assert not [name for name in EARLY if f"{name}-" in text], path
        assert "HIDDEN x_sensitive" not in text, path
        if found.headers["content-type"] == "application/json":
            assert not [one for one in cards(found.json) if one.startswith("x_sensitive")], path


def test_why_not_with_rules_lifted_is_refused(served: Served) -> None:
    """It would say at which rank they stand."""
    pair = "id=sc-en-0001&other=x_embargoed-sc-en-0001"
    secret = served.secrets["reader"]
    for more in ("rules=false", f"now={LATER}"):
        assert 403 == ask(served.port, f"/v1/why-not?{pair}&{more}", key=secret).status
    verdict = ask(served.port, f"/v1/why-not?{pair}&preset=similarity", key=secret).json
    assert (False, "rules") == (verdict["shown"], verdict["step"])


def test_story_holds_nothing_that_is_hidden(served: Served) -> None:
    """Though all of them tell it."""
    secret = served.secrets["reader"]
    for key in KEYS:
        found = ask(served.port, f"/v1/stories/{key}", key=secret).json
        assert not [one for one in cards(found) if one.split("-")[0] in MARKS]


def test_what_an_administrator_was_shown_was_kept_for_everybody(served: Served) -> None:
    """Shown to the desk, kept nowhere; who sends the same address with another key is refused."""
    if "desk" not in served.secrets:
        pytest.skip("without keys nobody is an administrator")
    for more in ("rules=false&preset=similarity", f"now={LATER}"):
        path = f"/v1/articles/sc-en-0001/related?{more}&duplicates=0&limit=20"
        seen = ask(served.port, path, key=served.secrets["desk"])
        refused = ask(served.port, path, key=served.secrets["reader"])

        assert "x_embargoed-sc-en-0001" in cards(seen.json)
        assert "no-store" == seen.headers["cache-control"]
        assert 403 == refused.status
    plain = ask(
        served.port, "/v1/articles/sc-en-0001/related?preset=similarity", key=served.secrets["desk"]
    )
    assert "x_embargoed-sc-en-0001" not in cards(plain.json)


@pytest.mark.parametrize("rules", [0, "", "false", "true", [], {}])
def test_rules_that_are_neither_true_nor_false_lift_nothing(rules: Any) -> None:
    """What is not plainly true asks for more."""
    with pytest.raises(ProblemError, match="not-allowed"):
        check_options({"rules": rules}, Terms(10))


def test_presets_leave_the_rules_as_the_service_has_them() -> None:
    """Also where it has none; nothing is told to those that set none."""
    assert {"preset": "similarity", "rules": True} == Terms(10).allowed({"preset": "similarity"})
    lax = Terms(10, rules=False)
    assert {"preset": "similarity", "rules": False} == lax.allowed({"preset": "similarity"})
    assert {"preset": "news"} == Terms(10).allowed({"preset": "news"})
    assert {"now": "2020-01-01"} == Terms(10).allowed({"now": "2020-01-01"})
