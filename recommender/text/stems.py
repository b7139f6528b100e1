"""Word types to terms: which stemmer serves which language, and what no stemmer may touch.

Stemmers work on columns of distinct words, once per build, never on running text. Ukrainian has our
own (``stem_uk``), the other languages Snowball's where it has them, the rest keep their words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from recommender._strings import StringColumn
from recommender.errors import ConfigError, MissingExtraError
from recommender.text._shapes import ALL_CYRILLIC, ALL_LATIN, NO_DIGIT, word_shapes
from recommender.text._wordsets import WordSet, replace_rows
from recommender.text.stem_uk import VERSION as STEM_UK_VERSION
from recommender.text.stem_uk import stem_uk
from recommender.text.stopwords import read_list

__all__ = [
    "STEMMER_NAMES",
    "STEM_LANGUAGES",
    "column_stemmer",
    "stemmer",
    "stemmer_fingerprint",
]

STEMMER_NAMES: Final = ("default", "none", "snowball", "light", "simplemma")
"""What a configuration may say."""

_VERSION: Final = 1
"""Raised when the rules of this module change a result."""

_SNOWBALL: Final = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german",
    "el": "greek", "en": "english", "eo": "esperanto", "es": "spanish", "et": "estonian",
    "eu": "basque", "fa": "persian", "fi": "finnish", "fr": "french", "ga": "irish",
    "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian",
    "lt": "lithuanian", "nb": "norwegian", "ne": "nepali", "nl": "dutch", "nn": "norwegian",
    "no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sr": "serbian", "st": "sesotho", "sv": "swedish", "ta": "tamil", "tr": "turkish",
    "yi": "yiddish",
}  # fmt: skip

STEM_LANGUAGES: Final = ("uk", *_SNOWBALL)
"""Languages whose words the default stemmers know."""

# A brand name in Latin letters inside a Ukrainian text is no Ukrainian word.
_SCRIPTS: Final = {
    **dict.fromkeys(("be", "bg", "mk", "ru", "uk"), ALL_CYRILLIC),
    **dict.fromkeys(("ar", "el", "fa", "hi", "hy", "ne", "sr", "ta", "yi"), NO_DIGIT),
}
_MIN_LETTERS: Final = 4
_MIN_LETTERS_LIGHT: Final = 3

_Batch = Callable[[StringColumn], StringColumn]


def stemmer(lang: str, name: str = "default") -> Callable[[Sequence[str]], list[str]]:
    """Return the function that turns words of a language into terms.

    Left as they are: words with digits, of three letters and fewer (of those the Ukrainian stemmer
    takes three), in another script than the language's, and protected ones
    (``lists/protected.txt``). English loses "'s" first.

    Parameters
    ----------
    lang : ISO 639-1 code; a language that the named stemmer does not know keeps its words
    name : "default" is "light" for Ukrainian and "snowball" elsewhere; "simplemma" needs the extra
        ``morph``

    Returns
    -------
    callable from folded words (lower case, NFC, apostrophe as U+0027) to as many terms, in their
        order; it may be called from many threads

    Raises
    ------
    ConfigError : no stemmer has this name
    MissingExtraError : simplemma is not installed

    Examples
    --------
    >>> stemmer("en")(["nato's", "missiles", "missile"])
    ['nato', 'missil', 'missil']
    >>> stemmer("uk")(["нато", "зброєю", "зброя"])
    ['нато', 'збро', 'збро']
    """
    stem = column_stemmer(lang, name)
    return lambda words: stem(StringColumn.from_lines(words)).decoded()


def column_stemmer(lang: str, name: str = "default") -> Callable[[StringColumn], StringColumn]:
    """Return what `stemmer` returns, for columns of words."""
    kind = _resolve(lang, name)
    if kind == "none":
        return lambda words: words
    light = kind == "light"
    return partial(
        _apply,
        batch=_batch(lang, kind),
        script=_SCRIPTS.get(lang, ALL_LATIN),
        protected=_protected_set(lang),
        min_letters=_MIN_LETTERS_LIGHT if light else _MIN_LETTERS,
        possessive=lang == "en",
    )


def stemmer_fingerprint(lang: str, name: str = "default") -> str:
    """Return a short digest that changes whenever a result of ``stemmer(lang, name)`` could.

    It covers the stemmer chosen, the version of its package or of our rules, the protected words.

    Raises
    ------
    ConfigError : no stemmer has this name
    MissingExtraError : simplemma is not installed
    """
    kind = _resolve(lang, name)
    parts: list[object] = [kind]
    if kind != "none":
        parts += [lang, _VERSION, _engine_version(kind), sorted(_protected(lang))]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _resolve(lang: str, name: str) -> str:
    """Return the stemmer that really serves: "light", "snowball", "simplemma" or "none"."""
    if name not in STEMMER_NAMES:
        names = ", ".join(STEMMER_NAMES)
        raise ConfigError(f"There is no stemmer {name!r}. Use one of: {names}")
    kind = ("light" if lang == "uk" else "snowball") if name == "default" else name
    served = {
        "light": lang == "uk",
        "snowball": lang in _SNOWBALL,
        "simplemma": kind == "simplemma" and lang in _simplemma_languages(),
    }
    return kind if served.get(kind, False) else "none"


def _batch(lang: str, kind: str) -> _Batch:
    if kind == "light":
        return stem_uk
    by_list = partial(_snowball, _SNOWBALL[lang]) if kind == "snowball" else partial(_lemmas, lang)
    return lambda words: StringColumn.from_lines(by_list(words.decoded()))


def _snowball(algorithm: str, words: list[str]) -> list[str]:
    # A stemmer object must not serve two threads; a new one costs microseconds.
    stems: list[str] = import_module("Stemmer").Stemmer(algorithm, 0).stemWords(words)
    return stems


def _lemmas(lang: str, words: list[str]) -> list[str]:
    lemmatize = _simplemma("simplemma").lemmatize
    return [str(lemmatize(word, lang=lang)).lower() or word for word in words]


def _simplemma(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError("The stemmer 'simplemma'", "morph") from error


@cache
def _simplemma_languages() -> frozenset[str]:
    factory = _simplemma("simplemma.strategies.dictionaries.dictionary_factory")
    return frozenset(factory.SUPPORTED_LANGUAGES)


def _engine_version(kind: str) -> str:
    if kind == "light":
        return str(STEM_UK_VERSION)
    package, module = (kind, kind) if kind == "simplemma" else ("PyStemmer", "Stemmer")
    return _installed_version(package, module)


@cache
def _installed_version(package: str, module: str) -> str:
    """Return the version in the name of a package's metadata folder.

    Importing importlib.metadata takes as long as all the rest of answering a question.
    """
    spec = find_spec(module)
    beside = Path(spec.origin).parent if spec and spec.origin else Path()
    beside = beside.parent if (beside / "__init__.py").is_file() else beside
    parts = (path.stem.partition("-") for path in beside.glob("*.dist-info"))
    found = [version for name, _, version in parts if name.lower() == package.lower()]
    if len(found) == 1:
        return found[0]
    from importlib.metadata import version

    return version(package)


@cache
def _protected(lang: str) -> frozenset[str]:
    sections = read_list("protected")
    return sections["all"] | sections.get(lang, frozenset())


@cache
def _protected_set(lang: str) -> WordSet:
    return WordSet(sorted(_protected(lang)))


def _apply(
    words: StringColumn,
    *,
    batch: _Batch,
    script: int,
    protected: WordSet,
    min_letters: int,
    possessive: bool,
) -> StringColumn:
    """Stem the words that may be, put the others back in their places."""
    bases = _without_possessive(words) if possessive else words
    shapes = word_shapes(bases)
    chosen = shapes.has(script) & (shapes.n_characters >= min_letters)
    places = np.flatnonzero(chosen & (protected.find(bases) < 0))
    stems = batch(bases.take(places))
    is_stem = np.diff(stems.offsets) > 0
    if not is_stem.all():
        places, stems = places[is_stem], stems.take(np.flatnonzero(is_stem))
    return replace_rows(bases, places, stems)


def _without_possessive(words: StringColumn) -> StringColumn:
    """Cut "'s" off words that are more than that."""
    data, ends = words.data, words.offsets[1:]
    lengths = np.diff(words.offsets)
    last = ends[lengths > 2] - 1
    last = last[(data[last] == ord("s")) & (data[last - 1] == ord("'"))]
    if not len(last):
        return words
    stays = np.ones(len(data), np.bool_)
    stays[last] = stays[last - 1] = False
    n_cut = np.zeros(len(data) + 1, np.int64)
    np.cumsum(~stays, out=n_cut[1:])
    return StringColumn(data[stays], words.offsets - n_cut[words.offsets])
