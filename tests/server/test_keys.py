"""Keys: without the right one nothing is answered, by any route."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks._load import Running
from recommender.errors import ConfigError, InputError
from recommender.server.keys import KeyRing, add_key, bearer, read_keys, revoke_key
from recommender.server.places import OPEN, PLACES, SCOPES
from recommender.server.running import check_address
from recommender.server_settings import ServerSettings
from tests.server.asking import ask

ROUTES = [
    (method, path, scope)
    for path, place in PLACES.items()
    for method, scope in place.scopes.items()
]


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
def test_route_asks_for_its_key(
    locked: Running, keys: dict[str, str], method: str, path: str, scope: str
) -> None:
    """Each route with no key, a wrong one, one that is none, and every scope."""
    address = path.replace("{id}", "sc-uk-0030")
    body = b"{}" if method in ("POST", "PUT") else None
    statuses = {
        given: ask(locked.port, address, method=method, body=body, key=secret).status
        for given, secret in {
            "none": None,
            "wrong": "rk_" + "x" * 43,
            "odd": "x\xe9",
            **{name: keys[name] for name in SCOPES},
        }.items()
    }

    if scope == OPEN:
        assert not {401, 403} & set(statuses.values())
        return
    refused = {name: status for name, status in statuses.items() if name != scope}
    assert {"none": 401, "wrong": 401, "odd": 401} == {
        name: status for name, status in refused.items() if name not in SCOPES
    }
    assert {403} == {status for name, status in refused.items() if name in SCOPES}
    assert statuses[scope] not in (401, 403)


@pytest.mark.parametrize(
    "path", ["/", "/redoc", "/v1/nothing", "/v1/articles/", "/v1/articles/a/b"]
)
def test_address_that_is_not_there_is_not_told_without_a_key(
    locked: Running, keys: dict[str, str], path: str
) -> None:
    """401 first, and then 404."""
    assert 401 == ask(locked.port, path).status
    assert 404 == ask(locked.port, path, key=keys["read"]).status


def test_key_that_is_revoked_is_refused_by_a_service_that_runs(
    locked: Running, keys: dict[str, str]
) -> None:
    """A new key is known, the old one is refused, without a restart."""
    key, secret = add_key(keys["file"], "rolling", ["read"])
    wait_until(locked, secret, 200)
    revoke_key(keys["file"], key.id)
    wait_until(locked, secret, 401)

    assert 200 == ask(locked.port, "/version", key=keys["read"]).status


def wait_until(running: Running, secret: str, status: int) -> None:
    """Ask until a key has this answer; the service looks every tenth of a second."""
    for _ in range(600):
        if ask(running.port, "/version", key=secret).status == status:
            return
    raise AssertionError(f"the key is not answered {status}")


def test_file_of_keys_that_is_broken_leaves_the_keys_that_were(
    locked: Running, keys: dict[str, str]
) -> None:
    """A slip of an editor locks nobody out, and lets nobody in."""
    path = Path(keys["file"])
    before = path.read_bytes()
    path.write_text("{", encoding="utf-8")
    try:
        for _ in range(600):
            if any(event["event"] == "keys.not_taken" for event in locked.events()):
                break
            assert 200 == ask(locked.port, "/version", key=keys["read"]).status
        assert 200 == ask(locked.port, "/version", key=keys["read"]).status
        assert 401 == ask(locked.port, "/version").status
    finally:
        path.write_bytes(before)


def test_file_of_keys_holds_no_secret_and_is_its_owners_alone(tmp_path: Path) -> None:
    """Whoever reads it cannot ask."""
    path = tmp_path / "keys.json"
    key, secret = add_key(path, "site", ["read", "write"])

    assert secret not in path.read_text(encoding="utf-8")
    assert 0 == stat.S_IMODE(path.stat().st_mode) & 0o077
    assert KeyRing(read_keys(path)).find(secret.encode()) == key


def test_name_has_two_keys_at_most(tmp_path: Path) -> None:
    """The one in use, and the one that follows it."""
    path = tmp_path / "keys.json"
    first, _ = add_key(path, "site", ["read"])
    add_key(path, "site", ["read"])

    with pytest.raises(InputError, match="Revoke"):
        add_key(path, "site", ["read"])
    revoke_key(path, first.id)
    add_key(path, "site", ["read"])


@pytest.mark.parametrize(
    "text", ["[]", '{"keys": [1]}', '{"keys": [{"id": "x"}]}', '{"keys": {}}', "\0"]
)
def test_file_that_holds_no_keys_is_refused(tmp_path: Path, text: str) -> None:
    """And says so."""
    path = tmp_path / "keys.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match="keys"):
        read_keys(path)


@pytest.mark.parametrize(("name", "scopes"), [("", ["read"]), ("A B", ["read"]), ("a", ["all"])])
def test_key_that_cannot_be_is_refused(tmp_path: Path, name: str, scopes: list[str]) -> None:
    """Names go into logs, scopes into checks."""
    with pytest.raises(InputError):
        add_key(tmp_path / "keys.json", name, scopes)


@pytest.mark.parametrize(
    "header", [b"", b"Basic abc", b"Bearer", b"Bearer rk_short", b"Bearer \xff"]
)
def test_header_without_a_secret_of_ours_is_none(header: bytes) -> None:
    """It is not even compared."""
    assert bearer(header) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "news.example"])
def test_address_for_others_needs_keys(host: str) -> None:
    """Loopback needs none."""
    with pytest.raises(ConfigError, match="keys"):
        check_address(ServerSettings(host=host))
    check_address(ServerSettings(host=host, keys="keys.json"))
    check_address(ServerSettings(host=host, without_keys=True))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.9.9.9"])
def test_loopback_needs_no_keys(host: str) -> None:
    """Only programs of this machine reach it."""
    check_address(ServerSettings(host=host))


def test_keys_are_made_listed_and_revoked_by_the_command_line(tmp_path: Path) -> None:
    """The secret alone is on standard output."""
    path = str(tmp_path / "keys.json")

    def run(*words: str) -> str:
        command = [sys.executable, "-m", "recommender", "keys", *words, "--keys", path]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        return done.stdout

    secret = run("add", "site", "--scope", "read").strip()
    (key,) = read_keys(path)

    assert KeyRing([key]).find(secret.encode()) == key
    assert key.id in run("list")
    assert key.digest not in run("list", "--json")
    assert key.id in run("revoke", key.id)
    assert () == read_keys(path)
