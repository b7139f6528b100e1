"""Tokens by the rules of `recommender.text.tokens`, character by character, slow and obvious."""

from __future__ import annotations

import unicodedata

REMOVED = {0xAD, 0x61C, 0xFEFF, 0xE0001, *range(0x200B, 0x2010), *range(0x202A, 0x202F)}
REMOVED |= {*range(0x2060, 0x2065), *range(0x2066, 0x206A), *range(0xFE00, 0xFE10)}
REMOVED |= {*range(0xE0020, 0xE0080), *range(0xE0100, 0xE01F0)}
APOSTROPHES = "'’ʼ‘‛`´′ʹʻ＇"
UNSPACED = [(0xE00, 0xEFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007)]
UNSPACED += [(0x3040, 0x312F), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF)]
UNSPACED += [(0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0xFF66, 0xFF9F)]
UNSPACED += [(0x1B000, 0x1B16F), (0x20000, 0x3FFFF)]
RUN = ("letter", "digit", "mark", "apostrophe", "hyphen", "dot", "local")
ASCII = {"-": "hyphen", ".": "dot", "_": "local", "+": "local", "%": "local"}
ASCII |= {"/": "slash", ":": "colon", "@": "at", "<": "stop", ">": "stop", '"': "stop"}


def tokens(text: str) -> list[str]:
    """Return the tokens of ``text``."""
    text = unicodedata.normalize("NFC", "".join(c for c in text if ord(c) not in REMOVED))
    kinds = kinds_of(text)
    found: list[str] = []
    i = 0
    while i < len(text):
        begins_run = kinds[i] in RUN and (i == 0 or kinds[i - 1] not in RUN)
        after = link_end(text, kinds, i) if begins_run else i
        if after == i and text[i : i + 3] == "://":
            after = url_end(kinds, i)
        if after == i:
            after, words = words_at(text, kinds, i)
            found += words
        i = max(after, i + 1)
    return found


def kinds_of(text: str) -> list[str]:
    """Return the classes of all characters; a mark that is on no letter is a stray one."""
    kinds = [kind_of(c) for c in text]
    for i, kind in enumerate(kinds):
        if kind == "mark" and (i == 0 or kinds[i - 1] not in ("letter", "mark")):
            kinds[i] = "stray"
    return [*kinds, "end", "end", "end"]


def words_at(text: str, kinds: list[str], i: int) -> tuple[int, list[str]]:
    """Return where the word or the unspaced run at ``i`` ends, and what it gives."""
    if kinds[i] in ("letter", "digit"):
        after, word = read_word(text, kinds, i)
        if text[after : after + 3] == "://":
            return url_end(kinds, after), []
        dropped = len(word) > 64 or (len(word) == 1 and word.isdigit())
        return after, [] if dropped else [word]
    after = end_of(kinds, i, ("unspaced",))
    chars = "".join(fold(c) for c in text[i:after])
    return after, [chars[k : k + 2] for k in range(len(chars) - 1)] or [chars] * (after > i)


def kind_of(char: str) -> str:
    """Return the class of a character."""
    code, category = ord(char), unicodedata.category(char)
    if char in APOSTROPHES:
        return "apostrophe"
    if char in "\u2010\u2011":
        return "hyphen"
    if category == "Nd":
        return "digit"
    if any(low <= code <= high for low, high in UNSPACED) and (
        code >= 0x20000 or category[0] in "LM" or category == "Nl"
    ):
        return "unspaced"
    if code >= 0x40000 or category[0] not in "LM":
        return "stop" if code <= 32 or code >= 127 else ASCII.get(char, "punctuation")
    return "letter" if category[0] == "L" else "mark"


def fold(char: str) -> str:
    """Return the character as it stands in a token."""
    if char in APOSTROPHES:
        return "'"
    if unicodedata.category(char) == "Nd":
        return str(unicodedata.decimal(char))
    special = {"ё": "е", "Ё": "е", "ς": "σ", "İ": "i"}
    return special.get(char, char.lower())


def end_of(kinds: list[str], i: int, wanted: tuple[str, ...]) -> int:
    """Return the end of the wanted kinds from ``i`` on."""
    while kinds[i] in wanted:
        i += 1
    return i


def url_end(kinds: list[str], i: int) -> int:
    """Return where the URL that has begun ends."""
    while kinds[i] not in ("stop", "unspaced", "end"):
        i += 1
    return i


def link_end(text: str, kinds: list[str], i: int) -> int:
    """Return the end of the address that begins with the run at ``i``, or ``i``."""
    if text[i : i + 4].lower() == "www.":
        return url_end(kinds, i)
    end = end_of(kinds, i, RUN)
    if kinds[end + 1 : end + 2] not in (["letter"], ["digit"]) or kinds[end - 1] not in RUN[:3]:
        return i
    if text[end] == "@":
        return end_of(kinds, end + 1, RUN)
    host, dot, domain = text[i:end].rpartition(".")
    is_domain = len(domain) >= 2 and domain.isascii() and domain.isalpha()
    if text[end] == "/" and dot and host and is_domain and kinds[i + len(host) - 1] in RUN[:3]:
        return url_end(kinds, end)
    return i


def read_word(text: str, kinds: list[str], i: int) -> tuple[int, str]:
    """Return the end of the word that begins at ``i``, and the word, folded."""
    word, joined = "", False
    while True:
        before, kind, after = kinds[i - 1], kinds[i], kinds[i + 1 : i + 2] or ["end"]
        letter = text[:i].rstrip("\u0301")[-1:]
        stress = kind == "mark" and text[i] == "\u0301" and "\u0400" <= letter < "\u0530"
        if kind in ("letter", "digit") or (kind == "mark" and not stress):
            word += fold(text[i])
        elif kind == "apostrophe" and before in ("letter", "mark") and after == ["letter"]:
            word += "'"
        elif kind == "hyphen" and not joined and is_joint(before, *after):
            joined = True
        elif not stress:
            return i, word
        i += 1


def is_joint(before: str, after: str) -> bool:
    """Say whether a hyphen stands between a letter (with or without marks) and a digit."""
    return (before, after) in [("letter", "digit"), ("mark", "digit"), ("digit", "letter")]
