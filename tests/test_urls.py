"""One form for the many spellings of a URL."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recommender._urls import normalize_url, site_of

any_text = st.text(st.characters(exclude_categories=[]), max_size=40)
pieces = st.sampled_from(
    [
        *("http:", "https:", "//", "/", "www.", "News.example", "новини", ".", ":", "80", "443"),
        *("?", "&", "=", "#", "%", "%2F", "%ED", "%25", "utm_source=x", "id=7", "a", "@", " "),
        *("[", "]", "::1", "\ud800", "é", "+", ";", "\0", "стаття", "_", "-", "\u2100", "İ", "\n"),
    ]
)
url_like = st.lists(pieces, max_size=14).map("".join)

PLAIN = "https://news.example/politics/a-1"


@hypothesis_settings(deadline=None)
@given(any_text | url_like)
def test_normalize_url_any_text_never_raises_and_is_idempotent(text: str) -> None:
    """The normal form of a normal form is itself, whatever was fed in."""
    once = normalize_url(text)

    assert once == normalize_url(once)


@hypothesis_settings(deadline=None)
@given(any_text | url_like)
def test_site_of_any_text_never_raises(text: str) -> None:
    """Text that is no URL has no site, or one that a URL can have."""
    assert not set(site_of(text)) & set("/?# \n")


@pytest.mark.parametrize(
    "other",
    [
        "http://news.example/politics/a-1",
        "//news.example/politics/a-1",
        "news.example/politics/a-1",
        "HTTPS://News.Example/politics/a-1",
        "https://www.news.example/politics/a-1",
        "https://news.example:443/politics/a-1",
        "http://news.example:80/politics/a-1",
        "news.example:80/politics/a-1",
        "https://news.example./politics/a-1",
        "https://news.example/politics/a-1/",
        "https://news.example/politics/a-1#comments",
        "https://news.example/politics/a-1?",
        "https://news.example/politics/a-1/?utm_source=tg&utm_medium=social",
        "https://news.example/politics/a-1?fbclid=IwAR0",
        "https://news.example/politics/a-1?gclid=1&yclid=2&UTM_Campaign=x",
        "https://news.example/politics/%61-1",
        "https://news.example/politics/a%2D1",
        "  https://news.example/politics/a-1\n",
        "https://reader@news.example/politics/a-1",
    ],
)
def test_normalize_url_spellings_of_one_article_are_equal(other: str) -> None:
    """What says nothing about the article does not tell two URLs apart."""
    assert normalize_url(PLAIN) == normalize_url(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://news.example/новини/київ", "https://news.example/" + quote("новини/київ")),
        ("https://news.example/a?q=київ+львів", "http://news.example/a/?q=" + quote("київ львів")),
        ("https://news.example/a?b=2&a=1", "https://news.example/a?a=1&b=2"),
        ("https://news.example/a?id=7&utm_source=x", "https://news.example/a?fbclid=y&id=7"),
        ("https://news.example/%d0%ba", "https://news.example/%D0%BA"),
        ("http://новини.укр/a/", "https://www.новини.укр/a"),
        ("https://news.example/", "news.example"),
        ("https://news.example/a//b?id=1", "news.example/a//b/?id=1&utm_source=x"),
        ("https://news.example/go?to=http://b.example", "news.example/go?to=http://b.example"),
        ("https://www.www.news.example/a", "https://news.example/a"),
    ],
)
def test_normalize_url_percent_order_and_alphabet_do_not_matter(one: str, other: str) -> None:
    """Cyrillic paths, percent-encoding, order of parameters, missing scheme: all the same."""
    assert normalize_url(one) == normalize_url(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://news.example/a?id=7", "https://news.example/a?id=8"),
        ("https://news.example/a?id=7", "https://news.example/a"),
        ("https://news.example/A", "https://news.example/a"),
        ("https://news.example/a", "https://news.example/a/b"),
        ("https://news.example/a", "https://other.example/a"),
        ("https://ua.news.example/a", "https://news.example/a"),
        ("https://news.example:8080/a", "https://news.example/a"),
        ("https://news.example/a%252Fb", "https://news.example/a%2Fb"),
        ("https://news.example/a%3Fb", "https://news.example/a?b"),
        ("https://news.example/a?q=1%262", "https://news.example/a?q=1&2"),
        ("https://news.example/%ED%EE%E2", "https://news.example/%E2%EE%ED"),
        ("https://news.example/?q=%ED%EE", "https://news.example/?q=%EE%ED"),
        ("https://news.example/?id=1&id=2", "https://news.example/?id=1"),
    ],
)
def test_normalize_url_other_articles_stay_apart(one: str, other: str) -> None:
    """Another parameter, case, port or byte is another article, in windows-1251 paths too."""
    assert normalize_url(one) != normalize_url(other)


def test_normalize_url_form_is_readable() -> None:
    """The stored form, letter by letter."""
    url = "HTTP://www.News.example:80/a/b/?utm_source=x&id=7#top"

    assert normalize_url(url) == "news.example/a/b?id=7"


@pytest.mark.parametrize(
    "text", ["", "   ", "Заголовок без адреси", "http://", "http://[::1", "/a"]
)
def test_normalize_url_what_is_no_url_comes_back_stripped(text: str) -> None:
    """Such a look-up finds nothing and breaks nothing."""
    assert text.strip() == normalize_url(text)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.Obozrevatel.com/ukr/a.htm", "obozrevatel.com"),
        ("новини.укр/a", "новини.укр"),
        ("news.example:8080", "news.example:8080"),
        ("https://news.example:99999/a", ""),
        ("просто текст", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_site_of_is_the_host(url: str | None, expected: str) -> None:
    """Without www., in lower case, "" where there is none."""
    assert expected == site_of(url)
