"""HTML inside a text field becomes paragraphs; text that only looks like it stays."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.ingest.markup import has_markup, markup_to_line, markup_to_text


@pytest.mark.parametrize(
    "text",
    ["a < b and c > d", "AT&T", "<ivan@example.com> wrote", "R&D; more", "x<y", "<one> of <many>"],
)
def test_markup_is_not_seen_where_there_is_none(text: str) -> None:
    """A stray sign or an address in angle brackets is text."""
    assert not has_markup(text)


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<p>Перший.</p><p>Другий.</p>", "Перший.\n\nДругий."),
        ("<p>one\ntwo</p>\n<p>three<br/>four</p>", "one two\n\nthree\nfour"),
        ("<h2>Head</h2>Text <b>bold</b>.", "Head\n\nText bold."),
        ("a <i>b</i>\n\nc\nd", "a b\n\nc\nd"),
        ("<ul><li>One</li><li>Two</li></ul>", "- One\n\n- Two"),
        ("x<script>if (a<b) { '</p>' }</script>y<!-- <p>no</p> -->z<br>", "xyz"),
        ("&laquo;Так&raquo; &amp; &#8211; &lt;p&gt;", "«Так» & – <p>"),
        ('см. <a href="/n/1?a=1&amp;b=2">ранее</a>.', "см. [ранее](/n/1?a=1&b=2)."),
        ("<a href='http://x/(y)'> go </a>now", "[go](http://x/%28y%29) now"),
        ('<p><a href="javascript:x()">click</a> <a name="z">here</a></p>', "click here"),
        ("<p>keep <unknown> this</p>", "keep <unknown> this"),
    ],
)
def test_markup_becomes_paragraphs_and_links(markup: str, expected: str) -> None:
    """Blocks part paragraphs, links stay as Markdown, scripts and comments go."""
    assert has_markup(markup)
    assert expected == markup_to_text(markup)


def test_markup_in_a_title_becomes_one_line() -> None:
    """Tags go, entities are read, links leave only their text."""
    expected = "It’s big news today"
    assert expected == markup_to_line('It&#8217;s <b>big</b><br><a href="/x">news</a> today')


@pytest.mark.parametrize(
    "text",
    [
        "<a" * 100_000,
        "<" + "a" * 200_000,
        "<p" + " " * 200_000 + "</p>",
        "<script>" * 50_000 + "</p>",
        "<a href='x'>" * 30_000 + "</a>",
        "<!--" * 100_000,
        "\n \n" * 100_000 + "</p>",
        "&" * 200_000 + "</p>",
    ],
)
def test_markup_of_a_hostile_text_takes_linear_time(text: str) -> None:
    """No text makes the reader go over it again and again."""
    started = time.process_time()
    markup_to_text(text)
    markup_to_line(text)
    assert time.process_time() - started < 3


@given(st.text("<>/pabr!-&;\n \"'=hrefscipt[]()", max_size=80))
def test_markup_of_any_text_never_fails(text: str) -> None:
    """Broken markup gives some text."""
    assert isinstance(markup_to_text(text), str)
    assert "\n" not in markup_to_line("<br>" + text)
