"""What every character is and folds to: a table for the compiled loop, rules for people.

The rules, in the order they apply:

1. Invisible characters (soft hyphen, zero-width, joiners, bidi marks, variation selectors) are
   removed.
2. The text is brought to NFC, so "и" + breve is "й".
3. Each character gets a class (below) and is folded: lower case, "ё" as "е" (Russian papers print
   both), "ς" as "σ", any decimal digit as 0-9, any apostrophe as U+0027. "ґ" and "г" stay apart,
   accents stay.

Step 3 is a table look-up. Steps 1 and 2 are needed only by rows that hold a character marked
`UNSTABLE`.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["character_table", "clean", "entry_of", "is_unspaced", "mend_lookalikes"]

# Classes: the low four bits of an entry.
PUNCTUATION = 0  # separates words, may stand inside a URL
LETTER = 1
DIGIT = 2
MARK = 3  # combining mark: belongs to the letter before it
APOSTROPHE = 4  # kept between two letters
HYPHEN = 5  # joins a letter and a digit
DOT = 6
LOCAL = 7  # _ + %: separates words, may stand in the name part of an e-mail address
COLON = 8
SLASH = 9
AT = 10
STOP = 11  # blanks, quotation marks, everything else outside ASCII: separates words, ends a URL
UNSPACED = 12  # letters and marks of scripts written without spaces
UNKNOWN = 15  # only in the first reading: the row has to be cleaned before anything can be said

CLASS_MASK = 15
UPPER = 16  # an upper-case or title-case letter
UNSTABLE = 32  # removed or changed by steps 1 and 2, alone or together with a neighbour
CYRILLIC = 64
REMOVED = 128  # of those that are unstable, the ones that step 1 removes
FOLD_SHIFT = 8  # the rest of an entry is the folded code point

TABLE_SIZE = 0x20000
# Past the table by range, one entry each: rare ideographs; tags, variation selectors, private use.
IDEOGRAPHS_END = 0x40000

_REMOVED = tuple(
    chr(code)
    for first, last in (
        (0xAD, 0xAD),
        (0x61C, 0x61C),
        (0x200B, 0x200F),
        (0x202A, 0x202E),
        (0x2060, 0x2064),
        (0x2066, 0x2069),
        (0xFE00, 0xFE0F),
        (0xFEFF, 0xFEFF),
        (0xE0001, 0xE0001),
        (0xE0020, 0xE007F),
        (0xE0100, 0xE01EF),
    )
    for code in range(first, last + 1)
)
# U+2018, U+0060, U+00B4 and U+2032 are wrong apostrophes, but between two letters nothing else is
# meant.
_APOSTROPHES = "'\u2019\u02bc\u2018\u201b`\u00b4\u2032\u02b9\u02bb\uff07"
_ASCII = {
    **dict.fromkeys("'`", APOSTROPHE),
    "-": HYPHEN,
    ".": DOT,
    **dict.fromkeys("_+%", LOCAL),
    ":": COLON,
    "/": SLASH,
    "@": AT,
    **dict.fromkeys('<>"\x7f', STOP),
}
_HYPHENS = "\u2010\u2011"
_UNSPACED_RANGES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),
    (0x3040, 0x312F),  # Hiragana, Katakana, Bopomofo
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xA9E0, 0xA9FF),
    (0xAA60, 0xAA7F),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),
    (0x1B000, 0x1B16F),
)
_UNSPACED_STARTS = [first for first, _ in _UNSPACED_RANGES]
_JAMO = range(0x1100, 0x1200)
_FOLDS = {"ё": "е", "ς": "σ", "İ": "i", "Ё": "е"}

_LATIN_TO_CYRILLIC = dict(zip("abceëhiïkmoptxyj", "авсеенії" + "кмортхуј", strict=True))
_CYRILLIC_TO_LATIN = dict(zip("авсенікмортхуј", "abcehikmoptxyj", strict=True))


def clean(text: str) -> str:
    """Return ``text`` without invisible characters, composed (NFC)."""
    # Looking for one character after another is ten times as fast as one look for a pattern, and
    # there are few beginnings, in UTF-8, of the hundreds of characters looked for.
    data = text.encode("utf-8", "surrogatepass")
    for beginning, chars in _removed_by_beginning().items():
        if beginning in data:
            for char in chars:
                text = text.replace(char, "")
    return unicodedata.normalize("NFC", text)


@cache
def _removed_by_beginning() -> dict[bytes, list[str]]:
    """Return the characters that are removed, by all but the last byte of their UTF-8."""
    found: dict[bytes, list[str]] = {}
    for char in _REMOVED:
        found.setdefault(char.encode()[:-1], []).append(char)
    return found


@cache
def character_table(*, is_clean: bool) -> NDArray[np.uint32]:
    """Return the entries of two planes and of the two ranges past them, shape (131074,), read-only.

    Parameters
    ----------
    is_clean : bool
        False: for text as it comes; what `clean` may change has class `UNKNOWN`. True: for cleaned
        text.
    """
    table = _entries().copy()
    if not is_clean:
        table[(table & UNSTABLE) != 0] |= UNKNOWN
    table.setflags(write=False)
    return table


@cache
def _entries() -> NDArray[np.uint32]:
    codes = [*range(TABLE_SIZE), TABLE_SIZE, IDEOGRAPHS_END]
    return np.fromiter(map(_entry, codes), np.uint32, len(codes))


@cache
def entry_of(char: str) -> int:
    """Return class, marks and folded code point of one character, as the table holds them."""
    return _entry(ord(char))


def is_unspaced(char: str) -> bool:
    """Say whether ``char`` is of a script written without spaces."""
    return entry_of(char) & CLASS_MASK == UNSPACED


def mend_lookalikes(word: str) -> str:
    """Return a folded word that mixes Latin and Cyrillic letters in the alphabet it was meant in.

    It is mended when all letters of one alphabet look like letters of the other; where both ways
    are open the alphabet with more letters stays, Cyrillic if equal. Other words come back
    unchanged.

    Examples
    --------
    >>> mend_lookalikes("k" + "иїв")
    'київ'
    """
    latin = [c for c in word if "a" <= c <= "z" or c in "ëï"]
    cyrillic = [c for c in word if "\u0400" <= c <= "\u052f"]
    if not latin or not cyrillic:
        return word
    to_cyrillic = all(c in _LATIN_TO_CYRILLIC for c in latin)
    to_latin = all(c in _CYRILLIC_TO_LATIN for c in cyrillic)
    if to_cyrillic and (not to_latin or len(cyrillic) >= len(latin)):
        return "".join(_LATIN_TO_CYRILLIC.get(c, c) for c in word)
    return "".join(_CYRILLIC_TO_LATIN.get(c, c) for c in word) if to_latin else word


def _entry(code: int) -> int:
    """Return the entry of one code point; past the table it goes by range."""
    if code >= IDEOGRAPHS_END:
        return STOP | UNSTABLE | code << FOLD_SHIFT
    if code >= TABLE_SIZE:
        return UNSPACED | UNSTABLE | code << FOLD_SHIFT
    char = chr(code)
    category = unicodedata.category(char)
    kind = _class_of(char, category)
    entry = kind | ord(_fold(char, kind)) << FOLD_SHIFT
    entry |= UPPER if category in ("Lu", "Lt") else 0
    entry |= CYRILLIC if kind == LETTER and 0x400 <= code < 0x530 else 0
    entry |= REMOVED if char in _REMOVED else 0
    return entry | (UNSTABLE if _is_unstable(char, category) else 0)


def _class_of(char: str, category: str) -> int:
    if char in _APOSTROPHES:
        return APOSTROPHE
    if char in _HYPHENS:
        return HYPHEN
    if category == "Nd":
        return DIGIT
    if _in_unspaced_script(char) and (category[0] in "LM" or category == "Nl"):
        return UNSPACED
    if category[0] in "LM":
        return LETTER if category[0] == "L" else MARK
    return _class_of_separator(char)


def _class_of_separator(char: str) -> int:
    if char <= " " or char >= "\x80":
        return STOP
    return _ASCII.get(char, PUNCTUATION)


def _in_unspaced_script(char: str) -> bool:
    code = ord(char)
    i = bisect_right(_UNSPACED_STARTS, code) - 1
    return i >= 0 and code <= _UNSPACED_RANGES[i][1]


def _fold(char: str, kind: int) -> str:
    if kind == APOSTROPHE:
        return "'"
    if kind == DIGIT:
        return str(unicodedata.decimal(char))
    lower = _FOLDS.get(char, char.lower())
    return lower if len(lower) == 1 else char


def _is_unstable(char: str, category: str) -> bool:
    if category == "Cn" or char < "\x80":
        return False
    return (
        category[0] == "M"
        or ord(char) in _JAMO
        or char in _REMOVED
        or not unicodedata.is_normalized("NFC", char)
    )
