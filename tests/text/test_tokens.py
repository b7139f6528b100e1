"""Splitting text: the compiled loop, the readable rules and the oracle agree; the rules hold."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender._strings import StringColumn
from recommender.text._lexicon import BATCH, Lexicon, approach, type_of
from recommender.text._records import Records
from recommender.text.tokens import (
    CAPITALISED,
    UPPER_CASE,
    Tokens,
    split_words,
    tokenize,
)
from tests.text import oracle_tokens

LETTERS = "aBzWwyxіїєґЁёйЖИКгСσςΣßİéÅȺǅʼªⱯ\U00010400\U0001d400Ꮳꭰאعहि"
MARKS = "\u0301\u0306\u0308\u0300\u0323\u20e3\u093f\u3099\u0345\u05b0"
UNSPACED = "日本語カゴひ々〇กิ่ขကျកា\uff76\U00020000\U0003fff0"
DIGITS = "0129٣९０\U0001fbf3²Ⅷ"
JOINERS = "'’ʼ‘`´′ʹʻ-‐‑–.,_+%:/@#&<>\"«» \n\u00a0\u1fef\u037e\u2126\u212a"
INVISIBLE = "\u00ad\u200b\u200d\u200e\u2060\u2066\ufeff\ufe0f\U000e0101\U000e0067\U000f0000"
JAMO = "가각각"
PIECES = [
    "www.",
    "https://",
    "://",
    "a@b",
    "x.com/y",
    "F-16",
    "п'ять",
    "🎉",
    "\U0001f1fa\U0001f1e6",
]
ALPHABET = st.sampled_from(list(LETTERS + MARKS + UNSPACED + DIGITS + JOINERS + INVISIBLE + JAMO))
MIXED = st.lists(st.one_of(ALPHABET, ALPHABET, st.sampled_from(PIECES)), max_size=40).map("".join)
LINKS = st.lists(
    st.sampled_from([*"ab1й.@/:-_'’ \u0301", "www", "com", "://", "日", "«"]), max_size=25
).map("".join)


def words_of(result: Tokens, row: int = 0, column: int = 0) -> list[str]:
    """Return the tokens of one row as strings."""
    types = list(result.types)
    span = slice(result.starts[column, row], result.stops[column, row])
    return [types[i >> 2] for i in result.ids[span]]


def fast(text: str) -> list[str]:
    """Return the tokens of one text by the compiled loop."""
    return words_of(tokenize([StringColumn.from_strings([text])]))


@settings(max_examples=1500, deadline=None)
@given(st.one_of(MIXED, LINKS))
def test_tokens_of_tricky_text_agree_with_oracle(text: str) -> None:
    """Three statements of the rules give the same tokens for any mixture of oddities."""
    expected = oracle_tokens.tokens(text)
    assert expected == split_words(text)
    assert expected == fast(text)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=6))
def test_tokens_of_any_unicode_agree_with_oracle(texts: list[str]) -> None:
    """So they do for any Unicode, row by row."""
    column = StringColumn.from_strings(texts)
    result = tokenize([column])
    for row, text in enumerate(column):
        assert oracle_tokens.tokens(text) == split_words(text) == words_of(result, row)


def test_tokens_of_every_character_agree_with_oracle() -> None:
    """Every code point of Unicode is classed and folded alike, alone and beside letters."""
    codes = [c for c in range(0x110000) if c < 0x20000 or c % 997 == 0 or 0xE0000 <= c < 0xE0200]
    texts = [f"a{chr(c)}б {chr(c)}я 7{chr(c)}" for c in codes if not 0xD800 <= c < 0xE000]
    result = tokenize([StringColumn.from_strings(texts)])
    types = list(result.types)
    for row, text in enumerate(texts):
        got = [types[i >> 2] for i in result.ids[result.starts[0, row] : result.stops[0, row]]]
        assert oracle_tokens.tokens(text) == got, ascii(text)


@pytest.mark.parametrize("folder", ["uk_news_misc", "ru_news_misc", "bbc"])
def test_tokens_of_real_news_agree_with_oracle(datasets: Path, folder: str) -> None:
    """Real articles too, also cut at any character."""
    with gzip.open(datasets / folder / "articles.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for _, line in zip(range(40), lines, strict=False)]
    texts += [text[i : i + 50] for text in texts[:5] for i in range(0, 300, 7)]
    result = tokenize([StringColumn.from_strings(texts)])
    for row, text in enumerate(texts):
        assert oracle_tokens.tokens(text) == words_of(result, row)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("п'ять п’ять пʼять П`ЯТЬ п‘ять", ["п'ять"] * 5),
        (
            "don't O’Brien 'quoted' students' l'homme",
            ["don't", "o'brien", "quoted", "students", "l'homme"],
        ),
        ("ґанок ганок Ёлка", ["ґанок", "ганок", "елка"]),
        (
            "Ки\u0301їв йога и\u0306ога Украі\u0308на кафе\u0301",
            ["київ", "йога", "йога", "україна", "кафе"],
        ),
        ("cafe\u0301 CAFÉ", ["café", "café"]),
        ("Івано-Франківськ, вице-премьер", ["івано", "франківськ", "вице", "премьер"]),
        (
            "F-16 Covid-19 Су-34 С-300 Ту-22М3 5G",
            ["f16", "covid19", "су34", "с300", "ту22м3", "5g"],
        ),
        (
            "COVID-19-related 19-year-old C-130-J",
            ["covid19", "related", "19year", "old", "c130", "j"],
        ),
        (
            "2026-03-04 24.02.2022 10-15 1,700 7",
            ["2026", "03", "04", "24", "02", "2022", "10", "15", "700"],
        ),
        ("полі\u00adтика по\u200bлітика", ["політика", "політика"]),
        ("див. https://site.ua/шлях?x=1#y, далі", ["див", "далі"]),
        ("на www.site.com.ua/a-b та t.me/kanal і", ["на", "та", "і"]),
        ("пишіть ivan.petrenko+x@mail.site.ua!", ["пишіть"]),
        ("#Україна @Kyiv_Post он/она", ["україна", "kyiv", "post", "он", "она"]),
        ("日本語 NATO軍 ไทย", ["日本", "本語", "nato", "軍", "ไท", "ทย"]),
        ("٢٠٢٤ ＮＡＴＯ", ["2024", "ｎａｔｏ"]),
        ("", []),
        ("—", []),
    ],
)
def test_tokens_of_examples_follow_the_rules(text: str, expected: list[str]) -> None:
    """The rules written at the head of the module hold, in each language."""
    assert expected == split_words(text)
    assert expected == fast(text)


def test_case_of_tokens_is_noted() -> None:
    """Capitals are counted by their kind, though tokens are folded."""
    result = tokenize([StringColumn.from_strings(["НАТО Kyiv слово F-16 А 5G"])])
    cases = [CAPITALISED | UPPER_CASE, CAPITALISED, 0, CAPITALISED, CAPITALISED, 0]
    assert cases == (result.ids & 3).tolist()


def test_token_of_a_megabyte_is_dropped_and_counted() -> None:
    """An endless word costs nothing and hides nothing."""
    result = tokenize([StringColumn.from_strings(["до " + "щ" * 1_000_000 + " після"])])
    assert ["до", "після"] == words_of(result)
    assert result.n_overlong == 1
    assert ["x" * 64] == fast("x" * 64 + " " + "x" * 65)


def test_hostile_runs_take_linear_time() -> None:
    """Runs that look like the start of an address are not searched again and again."""
    for piece in ("a.", "a@", "a-", "a'", "1-", "://", "a/", "www", "й\u0301", "\u0301", ".a.bb/"):
        text = piece * (200_000 // len(piece))
        assert split_words(text) == fast(text)


def test_article_of_a_million_types_is_read_whole() -> None:
    """The table grows within one article."""
    words = [f"w{i}" for i in range(1_000_000)]
    result = tokenize([StringColumn.from_strings(["x", " ".join(words), "y w5"])])
    assert len(result.types) == 1_000_002
    assert result.types.n_bytes == sum(map(len, words)) + 2
    assert result.ids[-1] >> 2 == result.ids[1 + 5] >> 2


def test_columns_without_text_have_no_tokens() -> None:
    """No rows, empty rows, and rows of a slice or a mapped file are all read."""
    assert tokenize([StringColumn.from_strings([])]).ids.size == 0
    result = tokenize(
        [StringColumn.from_strings(["", "", ""]), StringColumn.from_strings(["", "да", ""])]
    )
    assert [[0, 0, 0], [0, 1, 0]] == (result.stops - result.starts).tolist()
    column = StringColumn.from_strings(["один", "два", "три"]).rows(1, 3)
    assert ["три"] == words_of(tokenize([column]), 1)


def test_rows_chosen_are_read_in_their_order() -> None:
    """`rows` names rows of the columns, rows to be cleaned among them."""
    column = StringColumn.from_strings(["один", "дв\u00adа", "три и\u0306"])
    result = tokenize([column], np.array([2, 1]))
    assert [["три", "й"], ["два"]] == [words_of(result, row) for row in range(2)]


def test_words_of_equal_hash_stay_apart() -> None:
    """The bytes decide: long words forged to share a hash stay two types."""
    length = 20
    scratch = np.frombuffer(b"a" * 20 + b"b" * 20 + b"a" * 20 + bytes(20), np.uint8).copy()
    records = Records(
        np.full(3, 7, np.uint64),
        np.full(3, 0xFF << 56 | length, np.uint64),
        np.array([r * length << 2 for r in range(3)], np.int64),
    )
    lexicon, homes = Lexicon(), np.zeros(BATCH, np.int64)
    approach(lexicon.words, records, 0, 3, homes)
    types = [type_of(lexicon.words, homes[r], records, r, scratch) for r in range(3)]
    assert [1, 2, 1] == types
    assert ["a" * length, "b" * length] == list(lexicon.column())


def test_lexicon_keeps_numbers_while_it_grows() -> None:
    """However many strings of whatever length are added, each has one number."""
    strings = [str(i) * (i % 7 + 1) for i in range(1, 20_000)]
    lexicon = Lexicon()
    first = lexicon.add(StringColumn.from_strings(strings))
    assert list(range(len(lexicon))) == sorted(set(first.tolist()))
    assert first.tolist() == lexicon.add(StringColumn.from_strings(strings)).tolist()
    known = list(lexicon.column())
    assert strings == [known[i] for i in first]


# Pieces that the quick readers pass, and what makes them stop; what stands between.
QUICK_WORDS = (
    "the Kyiv NATO 2024 don't U.S. слово Київ НАТО ёж Ёж Їжак ґава п'ять F-16 b2b "
    "well-known «так» “no”"
)
HARD_PIECES = (
    "’ ‘ \u2026 / @ _ + ` \u007f \u00ad \u0301 日 🎉 \u200b é ß :// www. WWW. x.com/y a@b.ua "
    "\u2011 № \u0462 Ⱥ ѣ \ufeff \u0451 \u0401 \u04d9 \u0487 \u2032 it’s п’ять o\u2019 \u201b"
)
QUICK = st.sampled_from([*"aZ7 .,;!?-'%:(&)*", "www", " – ", *QUICK_WORDS.split()])
HARD = st.sampled_from(["\u00a0", *HARD_PIECES.split(" ")])
LENGTHS = st.sampled_from([1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 60, 61, 62, 63, 64, 65, 66])
SIZED = st.builds(lambda char, n: char * n, st.sampled_from(list("aQ0яЮ -.'“")), LENGTHS)
BLOCKS = st.lists(st.one_of(QUICK, QUICK, QUICK, HARD, SIZED), max_size=40).map("".join)


@settings(max_examples=1500, deadline=None)
@given(st.lists(BLOCKS, min_size=1, max_size=4), st.sampled_from([0, 1, 63, 200]))
def test_quick_readers_agree_with_rules(texts: list[str], room: int) -> None:
    """Wherever a block is cut, and however near the end of the buffer, the rules hold."""
    column = StringColumn.from_strings([*texts, " " * room])
    result = tokenize([column])
    for row, text in enumerate(texts):
        assert split_words(text) == words_of(result, row)


@settings(max_examples=300, deadline=None)
@given(BLOCKS)
def test_quick_readers_agree_on_case(text: str) -> None:
    """Capitals are noted alike by the block, by the letter and by the exact reader."""
    column = StringColumn.from_strings([text, text + " " * 200, "\u0301" + text])
    result = tokenize([column])
    cases = [(result.ids[result.starts[0, r] : result.stops[0, r]]).tolist() for r in range(2)]
    assert cases[0] == cases[1]


@pytest.mark.parametrize(
    "char", [*"aжéZЖ’'-.:/@ 7(&", "(www.", "\u0301", "日", "🎉", "\u201c", "\u00a0", "ё"]
)
def test_every_place_of_a_block_is_read_alike(char: str) -> None:
    """A character that moves through a block changes nothing but what stands beside it."""
    for filler in ("word ", "слово ", "Mix-ed п'ять. "):
        text = filler * 30
        texts = [text[:i] + char + text[i:] for i in range(140)]
        result = tokenize([StringColumn.from_strings(texts)])
        for row, moved in enumerate(texts):
            assert split_words(moved) == words_of(result, row), ascii(moved)


@pytest.mark.parametrize(
    ("folder", "limit"),
    [("uk_news_misc", 300), ("ru_news_misc", 300), ("slavic_topics", 400), ("bbc", 200)],
)
def test_tokens_of_whole_sets_agree_with_rules(datasets: Path, folder: str, limit: int) -> None:
    """Hundreds of real articles give what the readable rules give."""
    with gzip.open(datasets / folder / "articles.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for _, line in zip(range(limit), lines, strict=False)]
    result = tokenize([StringColumn.from_strings(texts)])
    types = result.types.decoded()
    for row, text in enumerate(texts):
        span = slice(result.starts[0, row], result.stops[0, row])
        assert split_words(text) == [types[i >> 2] for i in result.ids[span]]
