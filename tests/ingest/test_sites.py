"""Per-site profiles: loading, finding by host, selectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lxml import html

from recommender.errors import ConfigError, SourceNotFoundError
from recommender.ingest import IngestSettings, read_articles
from recommender.ingest.html import read_page
from recommender.ingest.sites import Profiles, css_to_xpath


def write(folder: Path, text: str) -> Path:
    """Write a profile and return its path."""
    path = folder / "site.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://a.example/x", "a.example"),
        ("https://www.a.example/x", "a.example"),
        ("https://m.a.example:8080/x", "a.example"),
        ("https://sport.a.example/x", "sport.a.example"),
        ("https://ba.example/x", None),
        ("https://[", None),
        (None, None),
    ],
)
def test_profile_is_found_by_longest_host(
    tmp_path: Path, address: str | None, host: str | None
) -> None:
    """Subdomains share a profile unless they have their own; other hosts never do."""
    (tmp_path / "a.toml").write_text('hosts = ["www.a.example"]', encoding="utf-8")
    (tmp_path / "b.toml").write_text('hosts = ["sport.a.example"]', encoding="utf-8")
    found = Profiles.load(tmp_path).find(address)
    assert host == (found.hosts[0] if found else None)


def test_shipped_profiles_load_and_know_their_hosts() -> None:
    """Every profile in the package can be used."""
    hosts = [host for host, _ in Profiles.shipped().by_host]
    assert ["kommersant.ru", "pravda.com.ua"] == hosts


def test_merged_profiles_prefer_the_callers(tmp_path: Path) -> None:
    """A site's own file replaces the shipped one."""
    own = Profiles.load(write(tmp_path, 'hosts = ["kommersant.ru"]\ntitle = "h2"'))
    found = Profiles.shipped().merged(own).find("https://www.kommersant.ru/doc/1")
    assert found is not None
    assert ("//h2",) == found.title


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hosts = [", "is not TOML"),
        ('title = "h1"', "names no host"),
        ('hosts = ["a"]\nheadline = "h1"', "unknown key 'headline'.*known are: author"),
        ('hosts = ["a"]\ntitle = 3', "title in .* is 3; expected a text"),
        ('hosts = ["a"]\ntitle = "//h1["', "not a selector"),
        ('hosts = ["a"]\ntitle = "h1:nth-child(2)"', "write it as XPath"),
        ('hosts = ["a"]\nid_url = "("', "not a pattern"),
        ('hosts = ["a"]\nid_url = "doc"', "expected one pattern with one"),
    ],
)
def test_profile_with_a_fault_is_refused_with_the_fault(
    tmp_path: Path, text: str, message: str
) -> None:
    """The message shows the value and what was expected."""
    with pytest.raises(ConfigError, match=message):
        Profiles.load(write(tmp_path, text))


def test_profile_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A missing file is an error, not an empty set."""
    with pytest.raises(SourceNotFoundError, match="nowhere"):
        Profiles.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("selector", "texts"),
    [
        ("p", ["one", "two", "three"]),
        ("div > p", ["one", "two"]),
        ("section p", ["three"]),
        (".x", ["one"]),
        ("p.x.y", ["one"]),
        ("#k", ["two"]),
        ("p[data-a]", ["two"]),
        ("[data-a=b-c]", ["two"]),
        ("p[data-a^='b']", ["two"]),
        ('p[data-a*="-c"]', ["two"]),
        (".x, section p", ["one", "three"]),
    ],
)
def test_css_selects_what_css_would(selector: str, texts: list[str]) -> None:
    """The part of CSS that profiles know means what it means in a browser."""
    tree = html.fromstring(
        "<body><div><p class='x y'>one</p><p id=k data-a=b-c class='xx'>two</p></div>"
        "<section><div></div><b><p>three</p></b></section></body>"
    )
    found: Any = tree.xpath(css_to_xpath(selector))
    assert texts == [e.text for e in found]


def test_profile_wins_over_what_the_page_declares(tmp_path: Path) -> None:
    """Title, lead, author and section of the profile replace those of the meta tags."""
    profiles = Profiles.load(
        write(
            tmp_path,
            'hosts = ["a.example"]\ntitle = ".t"\nlead = ".l"\nauthor = ".w"\n'
            'section_url = "//[^/]+/(\\\\w+)/"\nid_url = "-(\\\\d+)$"\nbody = ".b p"\n',
        )
    )
    page = (
        "<html><head><title>No</title><meta name='author' content='No No'></head><body>"
        "<div class=t>Yes</div><div class=l>Lead</div><i class=w>Ann Lee</i>"
        "<div class=b><p>One.</p><p>Two.</p></div></body></html>"
    )
    found = read_page(page, url="https://a.example/city/story-512", profiles=profiles)
    assert ("Yes", "Lead", ("Ann Lee",), "city", "512", "One.\n\nTwo.") == (
        found.title,
        found.lead,
        found.authors,
        found.section,
        found.id,
        found.body,
    )


def test_saved_page_is_read_by_the_profile_that_settings_name(sample: Path) -> None:
    """A publisher's own profile is a TOML file named in ``site_profiles``."""
    pages = sample.parents[1] / "tests" / "golden" / "pages"
    settings = IngestSettings(site_profiles=(str(pages / "dilo.toml"),), clean=False)

    (plain,) = read_articles(pages / "dilo-profile.html", settings=IngestSettings(clean=False))
    (article,) = read_articles(pages / "dilo-profile.html", settings=settings)

    assert article.body != plain.body
    expected = read_page(
        (pages / "dilo-profile.html").read_bytes(), profiles=Profiles.load(pages / "dilo.toml")
    )
    assert expected.body == article.body
