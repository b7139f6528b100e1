"""Article pages copied as plain text, in three languages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.article import Aside, AsideKind
from recommender.errors import InputError, RecommenderError
from recommender.ingest.plain import read_plain_page

UKRAINIAN = """\
У Зорянську відкрили міст через Лугу

Оксана БережнаСуспільство
14 березня 2026, 09:20
Міст у день відкриття
Міст у день відкриття

Міст через річку Лугу відкрили для руху в суботу вранці, і першими ним проїхали автобуси.

Як писали Вісті Зорянська:

- Восени місто закупило дванадцять нових автобусів.

Підписуйтесь на наш канал!

Інші новини

У Підгірному відкрили бібліотеку
Фонд налічує двадцять тисяч книжок
"""

RUSSIAN = """\
Музей показал коллекцию старинных карт

Автор: Вера Полынина и Глеб Рощин
Культура
Фото: архив музея

Краеведческий музей впервые показал собрание карт, которое хранилось в запасниках
с середины прошлого века.

Выставка продлится до конца мая.

Другие новости:

Рынок переедет на окраину к осени
"""


def test_seed_page_gives_title_author_section_and_parts(seed_page: str) -> None:
    """The page that the product was imagined from is taken apart exactly."""
    article = read_plain_page(seed_page)
    paragraphs = article.body.split("\n\n")
    assert (("Daria Durova",), "World") == (article.authors, article.section)
    assert article.title.startswith('"War in Israel should not weaken support for Kyiv"')
    assert article.title.endswith("Ukraine needs weapons too")
    assert paragraphs[0].startswith("Ukraine needs quality weapons")
    assert "As OBOZ.UA wrote:" == paragraphs[9]
    assert [True, True] == [p.startswith("- ") for p in paragraphs[10:12]]
    assert paragraphs[12].startswith("Only verified information")
    assert 13 == len(paragraphs)


def test_seed_page_has_caption_and_other_news_as_asides(seed_page: str) -> None:
    """The doubled caption stands once, the list of other news is kept whole."""
    caption, other = read_plain_page(seed_page).asides
    assert Aside(AsideKind.CAPTION, "Stoltenberg calls for support for Ukraine") == caption
    assert AsideKind.OTHER_NEWS is other.kind
    assert other.text.startswith("Other News\n\nPoles stopped blocking two checkpoints.")
    assert other.text.endswith("except for the egg")


def test_ukrainian_page_is_taken_apart() -> None:
    """Byline with section, date, doubled caption, other news: in Ukrainian."""
    article = read_plain_page(UKRAINIAN)
    assert ("Оксана Бережна",) == article.authors
    assert "Суспільство" == article.section
    assert datetime(2026, 3, 14, 9, 20, tzinfo=UTC) == article.published_at
    assert [
        "Міст через річку Лугу відкрили для руху в суботу вранці, і першими ним проїхали автобуси.",
        "Як писали Вісті Зорянська:",
        "- Восени місто закупило дванадцять нових автобусів.",
        "Підписуйтесь на наш канал!",
    ] == article.body.split("\n\n")
    assert (
        Aside(AsideKind.CAPTION, "Міст у день відкриття"),
        Aside(
            AsideKind.OTHER_NEWS,
            "Інші новини\n\nУ Підгірному відкрили бібліотеку\n\nФонд налічує двадцять тисяч книжок",
        ),
    ) == article.asides


def test_russian_page_is_taken_apart() -> None:
    """Two authors, a section line of its own, a photo credit, hard-wrapped lines: in Russian."""
    article = read_plain_page(RUSSIAN)
    assert ("Вера Полынина", "Глеб Рощин") == article.authors
    assert "Культура" == article.section
    assert (
        "Краеведческий музей впервые показал собрание карт, которое хранилось в запасниках "
        "с середины прошлого века.\n\nВыставка продлится до конца мая."
    ) == article.body
    assert [AsideKind.CAPTION, AsideKind.OTHER_NEWS] == [a.kind for a in article.asides]


@pytest.mark.parametrize(
    ("line", "authors", "section"),
    [
        ("Daria DurovaWorld", ("Daria Durova",), "World"),
        ("John McCainPolitics", ("John McCain",), "Politics"),
        ("Ron DeSantisBack Pages", ("Ron DeSantis",), "Back Pages"),
        ("Ірина Коваль | Економіка", ("Ірина Коваль",), "Економіка"),
        ("Анна ПетроваВ мире", ("Анна Петрова",), "В мире"),
        ("By Ann Lee and Bo Ray", ("Ann Lee", "Bo Ray"), None),
        ("World", (), "World"),
    ],
)
def test_byline_run_together_is_split(
    line: str, authors: tuple[str, ...], section: str | None
) -> None:
    """Known sections, capitals inside a word and separators all part name and section."""
    article = read_plain_page(f"Title\n\n{line}\n\nThe text of the article begins here.")
    assert (authors, section) == (article.authors, article.section)
    assert "The text of the article begins here." == article.body


def test_page_of_title_and_text_only_loses_nothing() -> None:
    """Without a header or a list at the end, all lines after the title are the body."""
    article = read_plain_page("Title\n\nOne sentence.\n\nAnother sentence.", article_id="a7")
    assert ("a7", "Title", "One sentence.\n\nAnother sentence.") == (
        article.id,
        article.title,
        article.body,
    )


@pytest.mark.parametrize("text", ["", "  \n\t\n"])
def test_empty_page_is_refused(text: str) -> None:
    """There is no article in blank space."""
    with pytest.raises(InputError, match="expected the title"):
        read_plain_page(text)


def test_page_over_the_size_limit_is_refused() -> None:
    """More than ten million characters are no page."""
    with pytest.raises(InputError, match="at most 10,000,000"):
        read_plain_page("a" * 10_000_001)


@given(st.text(alphabet="Ab Вг.,:-\n|1\ud800", max_size=200) | st.text(max_size=80))
def test_no_word_is_lost_and_nothing_but_our_errors_raised(text: str) -> None:
    """Every line of the page is in the article, and its id is stable."""
    try:
        article = read_plain_page(text)
    except RecommenderError:
        return
    assert article.id == read_plain_page(text).id
    kept = " ".join(
        [article.title, article.body, article.section or "", *article.authors]
        + [aside.text for aside in article.asides]
    )
    if article.authors or article.published_at or article.section:
        return  # bylines lose separators and words such as "by", a date becomes a time
    assert set(text.replace("\ufeff", "").split()) <= set(kept.split())
