"""Language identification: codes, the alphabet rule, the offline model, what cannot be told."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

import recommender.text.language as module
from recommender._languages import normalize_lang
from recommender.text.language import Detection, alphabet_language, detect_language


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("uk-UA", "uk"), ("uk_UA.UTF-8", "uk"), ("ua", "uk"), ("Ukrainian", "uk"), ("UKR", "uk"),
        (" Українська ", "uk"), ("RU", "ru"), ("rus", "ru"), ("русский", "ru"), ("en-GB", "en"),
        ("eng", "en"), ("zh-Hans", "zh"), ("ger", "de"), ("sw", "sw"),
        ("", None), ("und", None), ("mul", None), ("xx", None), ("12", None), ("-", None),
    ],
)  # fmt: skip
def test_normalize_lang_value_gives_code(value: str, code: str | None) -> None:
    """Codes, regions, names and common misuse are understood; the rest is None."""
    assert code == normalize_lang(value)


@given(st.text(max_size=20))
def test_normalize_lang_any_text_never_fails(value: str) -> None:
    """Whatever a publisher writes, the answer is a code or None, and a code is its own code."""
    code = normalize_lang(value)
    assert code is None or code == normalize_lang(code)


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("Столтенберг нагадав, що Україні теж потрібна зброя", "uk"),
        ("Столтенберг напомнил, что Украине тоже нужно оружие: это вызов для всех", "ru"),
        ("Столтэнберг нагадаў, што Украіне таксама патрэбная зброя", "be"),
    ],
)
def test_alphabet_language_telling_letters_decide(text: str, lang: str) -> None:
    """Letters that only one alphabet has settle it."""
    found = alphabet_language(text)
    assert found is not None
    assert (lang, "alphabet") == (found.lang, found.origin)
    assert 0.5 < found.confidence <= 1


@pytest.mark.parametrize(
    "text",
    [
        "Тръмп обяви нова търговска сделка със съюзниците",
        "Председник је рекао да ће људи добити помоћ",
        "Қазақстан үкіметі жаңа шешім қабылдады ықтимал",
        "Загублена в степах",
        "Привіт, друзі! Мы вышли вчера",
        "Ukraine needs weapons",
        "",
    ],
)
def test_alphabet_language_no_clear_letters_gives_none(text: str) -> None:
    """Other Cyrillic languages, a mix, or no telling letters at all are not the rule's business."""
    assert alphabet_language(text) is None


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("Україна потребує якісної зброї та більшої військової допомоги", "uk"),
        ("Украина нуждается в качественном оружии и большей военной помощи, это вызов", "ru"),
        ("Ukraine needs quality weapons and more military assistance", "en"),
        ("Die Ukraine braucht hochwertige Waffen und mehr militärische Hilfe", "de"),
        ("Ukraina potrzebuje wysokiej jakości broni i większej pomocy wojskowej", "pl"),
        ("Украйна се нуждае от качествени оръжия и повече военна помощ", "bg"),
        ("UKRAINE NEEDS WEAPONS TOO, THE SECRETARY GENERAL SAID TODAY", "en"),
        (
            "Ukraine needs weapons\nand more help\r\nsays the Secretary General 🚀 of the alliance",
            "en",
        ),
        ("Компанія Apple представила iPhone 15 Pro Max та Apple Watch у Києві", "uk"),
    ],
)
def test_detect_language_sentence_gives_language(text: str, lang: str) -> None:
    """A sentence is enough, in capitals, over several lines or with foreign names in it too."""
    assert lang == detect_language(text).lang


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n",
        "12:30, 24.02.2022",
        "🚀🔥",
        "Картина дня",
        "Nord",
        "https://example.com/very/long",
        "\ud800",
    ],
)
def test_detect_language_nothing_to_tell_gives_default(text: str) -> None:
    """Digits, emoji, links, a word or two: the caller's default and no confidence."""
    assert Detection("xx", "default", 0.0) == detect_language(text, default="xx")


def test_detect_language_only_the_beginning_counts() -> None:
    """What stands after the first 1,000 characters changes nothing."""
    head = "Ukraine needs quality weapons and more help. " * 30
    assert detect_language(head) == detect_language(head + "Україна потребує якісної зброї. " * 100)


@given(st.text(max_size=80))
def test_detect_language_any_text_never_fails(text: str) -> None:
    """Any string has an answer, with confidence in 0..1, and twice the same."""
    found = detect_language(text)
    assert 0 <= found.confidence <= 1
    assert found == detect_language(text)


def test_detect_language_needs_no_network_and_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The model comes from the package: with sockets blocked it loads, and nothing is printed."""

    def refuse(*args: object, **kwargs: object) -> NoReturn:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    module._load_model.cache_clear()
    assert detect_language("Ukraine needs quality weapons and more assistance").lang == "en"
    assert tuple(capfd.readouterr()) == ("", "")


def test_detect_language_import_leaves_logging_alone() -> None:
    """Importing loads no model, and using it adds no handler to the root logger."""
    code = (
        "import sys, logging; import recommender.text.language as m;"
        "assert 'fasttext' not in sys.modules;"
        "m.detect_language('Ukraine needs quality weapons');"
        "assert not logging.getLogger().handlers"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_detect_language_many_threads_load_one_model() -> None:
    """Threads that meet at the first text share one model and agree."""
    module._load_model.cache_clear()
    text = "Die Ukraine braucht hochwertige Waffen"
    with ThreadPoolExecutor(8) as pool:
        langs = {found.lang for found in pool.map(detect_language, [text] * 32)}
    assert {"de"} == langs
    assert module._load_model.cache_info().misses == 1


@pytest.mark.parametrize(
    ("name", "lang"), [("uk_news_misc", "uk"), ("ru_news_misc", "ru"), ("bbc", "en")]
)
def test_detect_language_real_articles_are_told(datasets: Path, name: str, lang: str) -> None:
    """At least 998 of 1,000 real articles get their language from title and beginning."""
    with gzip.open(datasets / name / "articles.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][:600]
    right = sum(detect_language(f"{r['title']}\n{r['text'][:500]}").lang == lang for r in rows)
    assert right / len(rows) >= 0.998
