"""From UTF-8 columns to token numbers: the compiled loop, and the same rules in plain Python.

A word is a run of letters, decimal digits and the marks on letters, folded as `normalize` says. In
it

- an apostrophe between two letters is kept, as U+0027: "п’ять" is "п'ять";
- one hyphen between a letter and a digit is swallowed: "F-16" is "f16", "Covid-19" is "covid19",
  "16-річний" is "16річний". All other hyphens separate: "Івано-Франківськ" is two words, "10-15"
  two numbers;
- the stress mark U+0301 on a Cyrillic letter is dropped.

Dots and commas always separate, in numbers too: "24.02.2022" gives the year, and "2,000" is no
year. Numbers of one digit and words of more than 64 characters are dropped. URLs (``scheme://``,
``www.``, ``site.tld/path``) and e-mail addresses are dropped whole; "#word" and "@name" keep the
word. Scripts written without spaces (Han, Kana, Thai, Lao, Khmer, Myanmar) give overlapping pairs
of characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from recommender._strings import StringColumn
from recommender.text import normalize as nz
from recommender.text._lexicon import Lexicon
from recommender.text._reading import TokenIds, read_columns
from recommender.text._scan import CAPITALISED, CASE_BITS, MAX_TOKEN_CHARS, UPPER_CASE
from recommender.text.normalize import clean, entry_of

__all__ = [
    "CAPITALISED",
    "CASE_BITS",
    "MAX_TOKEN_CHARS",
    "UPPER_CASE",
    "Tokens",
    "split_words",
    "tokenize",
]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of some columns over the same rows.

    Attributes
    ----------
    ids : (n_tokens,) int32
        ``type * 4 + case`` of each token; case is `CAPITALISED` and `UPPER_CASE`, or 0.
    starts, stops : (n_columns, n_rows) int64
        The tokens of a row of a column, in text order, are ``ids[starts[c, r]:stops[c, r]]``.
    types : StringColumn
        Each different token once, folded, in order of first sight.
    n_overlong : int
        Words dropped because they had more than 64 characters.
    """

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    types: StringColumn
    n_overlong: int


def tokenize(columns: Sequence[StringColumn], rows: NDArray[np.int64] | None = None) -> Tokens:
    """Return the tokens of ``rows`` (all if None) of ``columns``, which are equally long.

    Memory: 4 bytes a token and the types.
    """
    n_bytes = sum(column.n_bytes for column in columns)
    lexicon = Lexicon(min(1 << 20, n_bytes >> 9))
    empty = TokenIds(np.empty(n_bytes // 6 + 1024, np.int32), np.zeros(1, np.int64))
    tokens, (starts, stops), n_overlong = read_columns(columns, rows, lexicon, empty)
    return Tokens(tokens.ids[: tokens.size[0]], starts, stops, lexicon.column(), n_overlong)


# --- the same rules, readable
# ------------------------------------------------------------------------

# One letter for each class; "a" an ASCII letter, "w" one that is a W.
_KINDS = {
    nz.PUNCTUATION: "P",
    nz.LETTER: "L",
    nz.DIGIT: "D",
    nz.MARK: "M",
    nz.APOSTROPHE: "A",
    nz.HYPHEN: "H",
    nz.DOT: ".",
    nz.LOCAL: "_",
    nz.COLON: ":",
    nz.SLASH: "/",
    nz.AT: "@",
    nz.STOP: " ",
    nz.UNSPACED: "U",
}
_PART = r"(?:[Law]M*+|D)(?:[Law]M*+|D|(?<=[LawM])A(?=[Law]))*+"
_JOINED = rf"{_PART}(?:(?:(?<=[LawM])H(?=D)|(?<=D)H(?=[Law])){_PART})?+"
_RUN = r"[LawDMAH._]"
_GRAMMAR = re.compile(
    rf"""
    (?<!{_RUN}) www\. [^ U]*+                                                      # www.site
  | (?<!{_RUN}) (?={_RUN}*+@[LawD]) {_RUN}*+ (?<=[LawDM])@ {_RUN}*+                 # name@site
  | (?<!{_RUN}) (?={_RUN}*+/[LawD]) {_RUN}*[LawDM]\.[aw]{{2,}}+ / [^ U]*+           # site.tld/path
  | (?:{_JOINED})?+ ://[^ U]*+                                                     # scheme://
  | (?P<word>{_JOINED})
  | (?P<unspaced>U++)
    """,
    re.VERBOSE,
)
_STRAY_MARKS = re.compile(r"(?<![LawM])M++")


def split_words(text: str) -> list[str]:
    """Return the tokens of ``text`` in its order: what `tokenize` gives, without the compiled loop.

    Examples
    --------
    >>> split_words("Covid-19: п’ять F-16, див. https://site.ua/a")
    ['covid19', "п'ять", 'f16', 'див']
    """
    text = clean(text)
    kinds = _STRAY_MARKS.sub(lambda m: "P" * len(m[0]), "".join(map(_kind_of, text)))
    return [
        token for match in _GRAMMAR.finditer(kinds) for token in _tokens_of(match, text) if token
    ]


@cache
def _kind_of(char: str) -> str:
    kind = _KINDS[entry_of(char) & nz.CLASS_MASK]
    if kind == "L" and char < "\x80":
        return "w" if char in "wW" else "a"
    return kind


def _tokens_of(match: re.Match[str], text: str) -> Iterator[str]:
    """Yield a word, or "" if it is dropped; the pairs of an unspaced run; nothing of a link."""
    begin, end = match.span()
    if match["word"]:
        yield _folded_word(text[begin:end], match["word"])
    elif match["unspaced"]:
        chars = "".join(_fold(char) for char in text[begin:end])
        yield from (chars[i : i + 2] for i in range(max(1, len(chars) - 1)))


def _folded_word(word: str, kinds: str) -> str:
    if "H" in kinds:
        word, kinds = (
            "".join(c for c, k in zip(word, kinds, strict=True) if k != "H"),
            kinds.replace("H", ""),
        )
    if "M" in kinds:
        word = _STRESSES.sub("", word)
    folded = "".join(map(_fold, word))
    is_short_number = len(kinds) == 1 and kinds == "D"
    return "" if is_short_number or len(folded) > MAX_TOKEN_CHARS else folded


_STRESSES = re.compile("(?<=[\u0400-\u0481\u048a-\u052f])\u0301+")


@cache
def _fold(char: str) -> str:
    return chr(entry_of(char) >> nz.FOLD_SHIFT)
