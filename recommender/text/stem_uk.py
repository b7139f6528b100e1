"""A light stemmer of Ukrainian: endings as data, a few sound changes, no dictionary.

One ending is cut, the longest that leaves a syllable; then what inflection does to the end of a
stem is undone (soft sign, doubled consonant, fleeting vowel, і for о, ц for к, з for г). The result
is a key, not a word: equal for the forms of a word, and different for different words as far as
letters can tell. The rules were chosen by measurement: docs/decisions/0003-ukrainian-stemmer.md.

The rules are compiled loops over code points, ``codes[a:b]`` being a word and ``b`` moving as it is
cut; ``first`` is the place of its first vowel. Letters are compared by their places in the
alphabet below. ``Any`` stands for an integer here.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender._jit import compiled, inlined
from recommender._strings import StringColumn
from recommender.text._wordsets import WordSet, replace_rows

__all__ = ["VERSION", "stem_uk"]

VERSION: Final = 1
"""Raised with every change of a result: terms of older indexes no longer match."""

_ALPHABET: Final = "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя'"
_VOWELS: Final = "аеєиіїоуюя"

_NOUN_ENDINGS: Final = """
а у ю е є и і ї о я й ь
ам ям ами ями ах ях ом ем єм ою ею єю ів їв ьом
ей ея еї еєм еям еїв еями еях
ія ії ію іє ій ією ієм ієві іїв іям іями іях
"""
_ADJECTIVE_ENDINGS: Final = """
ий ого ому им ими их ої ьої ьою ього ьому ім іми іх їй їм їми їх його йому
"""
_VERB_ENDINGS: Final = """
єш ємо єте ють єть ать ять уть еть еш емо ете ачи ячи учи ючи вши
іла іло іли тиму тиме тимеш тимемо тимете тимуть
ує ую уєш уємо ують уючи уйте ував увала увало ували увати
ює юю юєш юємо юють юючи юйте ював ювала ювало ювали ювати
ування уванню уванням увань ювання юванню юванням ювань
"""
_ENDINGS: Final = (*(_NOUN_ENDINGS + _ADJECTIVE_ENDINGS + _VERB_ENDINGS).split(),)
# "ся" and "сь" are a verb's only after these; Полісся, волосся and Білорусь keep theirs.
_BEFORE_REFLEXIVE: Final = (
    "ть", "ти", "ла", "ло", "ли", "ав", "ив", "ів", "їв", "ув", "яв", "юв", "чи", "ши", "ю",
    "м", "й", "мо", "єш", "еш", "те",
)  # fmt: skip

_ROOT: Final = np.int64(1)

_IRREGULAR_FORMS: Final = """
дн день дня дні днів дню днем днями днях дням
тижн тиждень
рок рік
люд люди людей людям людьми людях людина людини людині людину людиною
діт діти дітей дітям дітьми дітях дитина дитини дитині дитину дитиною
друг друзі друзів друзям друзями друзях
ім' ім'я імені іменем імен іменами іменах іменам
сім' сім'я сім'ї сім'ю сім'єю сімей сім'ям сім'ями сім'ях
києв київ
харков харків
чернігов чернігів
миколаєв миколаїв
гост гість гостя гості гостей гостям гостями гостях гостем
"""
_IRREGULAR: Final = {
    form: stem
    for stem, *forms in map(str.split, _IRREGULAR_FORMS.split("\n")[1:-1])
    for form in forms
}


class _Rules(NamedTuple):
    """``places`` of code points in the alphabet, from 1; 0 for others. Tries of what words end in.

    In a trie, which is walked from the last letter back, ``[node, place]`` is the next node, 0 for
    none, and ``[node, 0]`` says that an ending is whole.
    """

    places: NDArray[np.uint8]
    endings: NDArray[np.int16]
    reflexive: NDArray[np.int16]


def stem_uk(words: StringColumn) -> StringColumn:
    """Return of each word the stem that its forms have in common.

    Parameters
    ----------
    words : lower case, NFC, apostrophe as U+0027. Words of one or two letters come back as they
        are; words of three letters lose no ending.

    Returns
    -------
    StringColumn
        No string is empty where the word is not, or longer than the word.

    Examples
    --------
    >>> list(stem_uk(StringColumn.from_strings(["україна", "україною", "америці", "америка"])))
    ['україн', 'україн', 'америк', 'америк']
    """
    codes, bounds = _code_points(words)
    offsets = np.zeros(len(words) + 1, np.int64)
    n = _stem_words(codes, bounds, _rules(), offsets)
    text = codes[:n].tobytes().decode("utf-32-le").encode()
    stems = StringColumn(np.frombuffer(text, np.uint8), offsets)
    forms, known = _irregular()
    numbers = forms.find(words)
    places = np.flatnonzero(numbers >= 0)
    return replace_rows(stems, places, known.take(numbers[places]))


def _code_points(words: StringColumn) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return the code points of all words, and where among them each word begins and ends."""
    data = words.data[words.offsets[0] : words.offsets[-1]]
    codes = np.frombuffer(data.tobytes().decode().encode("utf-32-le"), np.uint32).copy()
    n_characters = np.zeros(len(data) + 1, np.int64)
    np.cumsum((data & 0xC0) != 0x80, out=n_characters[1:])
    return codes, n_characters[words.offsets - words.offsets[0]]


@cache
def _irregular() -> tuple[WordSet, StringColumn]:
    """Return the irregular forms and the stem of each."""
    lines = [line.split() for line in _IRREGULAR_FORMS.strip().splitlines()]
    pairs = [(form, stem) for stem, *forms in lines for form in forms]
    forms, stems = zip(*pairs, strict=True)
    return WordSet(forms), StringColumn.from_lines(stems)


@cache
def _rules() -> _Rules:
    places = np.zeros(_N_CODES, np.uint8)
    for i, letter in enumerate(_ALPHABET):
        places[ord(letter)] = i + 1
    return _Rules(places, _trie(_ENDINGS), _trie(_BEFORE_REFLEXIVE))


def _trie(endings: tuple[str, ...]) -> NDArray[np.int16]:
    trie = np.zeros((2 + sum(map(len, endings)), len(_ALPHABET) + 1), np.int16)
    n_nodes = 2
    for ending in endings:
        node = int(_ROOT)
        for letter in reversed(ending):
            place = _ALPHABET.index(letter) + 1
            if trie[node, place] == 0:
                trie[node, place] = n_nodes
                n_nodes += 1
            node = trie[node, place]
        trie[node, 0] = 1
    return trie[:n_nodes].copy()


# --- the loops ---


def _among(letters: str) -> np.uint64:
    """Return a set of letters as bits."""
    return np.uint64(sum(1 << _ALPHABET.index(letter) + 1 for letter in letters))


_N_CODES: Final = 0x500
_A, _E, _I, _YI, _O, _YU = (_ALPHABET.index(letter) + 1 for letter in "аеіїою")
_V, _K, _L, _M, _N, _S, _T, _TS = (_ALPHABET.index(letter) + 1 for letter in "вклмнстц")
_SOFT, _YA = _ALPHABET.index("ь") + 1, _ALPHABET.index("я") + 1
_VOWEL: Final = _among(_VOWELS)
_DOUBLED: Final = _among("нтлчшц")
_PAST: Final = _among("влт")
_BEFORE_PAST: Final = _among("аияую")
_SOFTENED: Final = _among("цз")
_CODE_H, _CODE_K, _CODE_O, _CODE_YE = (ord(letter) for letter in "гкоє")


@inlined
def _letter(rules: Any, codes: Any, p: Any) -> Any:
    """Return the place in the alphabet of a character, 0 for others."""
    return np.int64(rules.places[codes[p]]) if codes[p] < _N_CODES else 0


@inlined
def _is_among(letter: Any, letters: Any) -> Any:
    return letters >> np.uint64(letter) & np.uint64(1) != 0


@inlined
def _ends_in(rules: Any, codes: Any, b: Any, second: Any, last: Any) -> Any:
    """Say whether a word ends in these two letters."""
    return _letter(rules, codes, b - 2) == second and _letter(rules, codes, b - 1) == last


@inlined
def _next_node(trie: Any, node: Any, letter: Any) -> Any:
    return np.int64(trie[node, letter]) if letter > 0 else np.int64(0)


@inlined
def _without_reflexive(rules: Any, codes: Any, a: Any, b: Any) -> Any:
    """Cut "ся" or "сь" off a verb of six letters or more."""
    if b - a < 6 or not (
        _ends_in(rules, codes, b, _S, _YA) or _ends_in(rules, codes, b, _S, _SOFT)
    ):
        return b
    trie, node, p = rules.reflexive, _ROOT, b - 2
    while p > a and node > 0 and trie[node, 0] == 0:
        p -= 1
        node = _next_node(trie, node, _letter(rules, codes, p))
    return b - 2 if trie[node, 0] != 0 else b


@inlined
def _first_vowel(rules: Any, codes: Any, a: Any, b: Any) -> Any:
    """Return the place of the first vowel, ``b`` if there is none."""
    while a < b and not _is_among(_letter(rules, codes, a), _VOWEL):
        a += 1
    return a


@inlined
def _without_ending(rules: Any, codes: Any, a: Any, b: Any, first: Any) -> Any:
    """Cut the longest ending that leaves two letters with a vowel among them."""
    trie, node, best, p = rules.endings, _ROOT, b, b
    while p > max(a + 2, first + 1) and node > 0:
        p -= 1
        node = _next_node(trie, node, _letter(rules, codes, p))
        if trie[node, 0] != 0:
            best = p
    return best


@inlined
def _without_participle(rules: Any, codes: Any, a: Any, b: Any) -> Any:
    """Cut "ован" and "юван": запланований stands with планувати."""
    if b - a < 7 or not _ends_in(rules, codes, b, _A, _N):
        return b
    is_cut = _ends_in(rules, codes, b - 2, _O, _V) or _ends_in(rules, codes, b - 2, _YU, _V)
    return b - 4 if is_cut else b


@inlined
def _without_soft_or_doubled(rules: Any, codes: Any, a: Any, b: Any) -> Any:
    """Cut a soft sign, and one of two same consonants: питання, питань."""
    if b - a > 2 and _letter(rules, codes, b - 1) == _SOFT:
        b -= 1
    last = _letter(rules, codes, b - 1)
    same = last == _letter(rules, codes, b - 2)
    return b - 1 if b - a > 3 and same and _is_among(last, _DOUBLED) else b


@inlined
def _without_past(rules: Any, codes: Any, a: Any, b: Any) -> Any:
    """Cut the last letter of -ав, -ал, -ат and the like, so that читав, читала, читати meet читає.

    Nouns (канал, депутат, держав) lose it in all their forms alike.
    """
    ends = _is_among(_letter(rules, codes, b - 1), _PAST)
    is_cut = ends and _is_among(_letter(rules, codes, b - 2), _BEFORE_PAST)
    return b - 1 if b - a >= 5 and is_cut else b


@inlined
def _without_plain_plural(rules: Any, codes: Any, a: Any, b: Any, first: Any) -> Any:
    """Cut "ем" and "ам": in "проблем" and "програм" an ending was seen that is none."""
    is_cut = _ends_in(rules, codes, b, _E, _M) or _ends_in(rules, codes, b, _A, _M)
    return b - 2 if b - a >= 6 and is_cut and first < b - 2 else b


@inlined
def _is_fleeting(second: Any, last: Any) -> Any:
    """Say whether these are "ок", "ец", "ен" or "ел"."""
    if second == _E:
        return last in (_TS, _N, _L)
    return second == _O and last == _K


@inlined
def _without_fleeting(rules: Any, codes: Any, a: Any, b: Any, first: Any) -> Any:
    """Drop the vowel that comes and goes: будинок, українець, березень, земель."""
    if b - a < 4 or not _is_fleeting(_letter(rules, codes, b - 2), _letter(rules, codes, b - 1)):
        return b
    if first >= b - 2 or _is_among(_letter(rules, codes, b - 3), _VOWEL):
        return b
    codes[b - 2] = codes[b - 1]
    return b - 1


@inlined
def _open(rules: Any, codes: Any, a: Any, b: Any) -> None:
    """Write о for і before the last consonant (порогу, поріг), "ост" for "іст", "єв" for "їв"."""
    last, second = _letter(rules, codes, b - 1), _letter(rules, codes, b - 2)
    if b - a >= 5 and second == _S and last == _T and _letter(rules, codes, b - 3) == _I:
        codes[b - 3] = _CODE_O
    elif second == _YI and last == _V:
        codes[b - 2] = _CODE_YE
    elif b - a >= 3 and second == _I and not _is_among(last, _VOWEL):
        codes[b - 2] = _CODE_O


@inlined
def _harden(rules: Any, codes: Any, a: Any, b: Any) -> None:
    """Write к for ц and г for з at the end: Америці, Празі."""
    last = _letter(rules, codes, b - 1)
    if b - a >= 3 and _is_among(last, _SOFTENED):
        codes[b - 1] = _CODE_K if last == _TS else _CODE_H


@inlined
def _stem(rules: Any, codes: Any, a: Any, b: Any) -> Any:
    """Stem a word of three letters or more in its place; return where the stem ends.

    Every step keeps at least two letters, and the first vowel where it is.
    """
    first = _first_vowel(rules, codes, a, b)
    if b - a > 3:
        b = _without_reflexive(rules, codes, a, b)
        b = _without_ending(rules, codes, a, b, first)
    b = _without_participle(rules, codes, a, b)
    b = _without_past(rules, codes, a, _without_soft_or_doubled(rules, codes, a, b))
    b = _without_plain_plural(rules, codes, a, b, first)
    b = _without_fleeting(rules, codes, a, b, first)
    _open(rules, codes, a, b)
    b = _without_fleeting(rules, codes, a, b, first)
    _harden(rules, codes, a, b)
    return b


@compiled
def _stem_words(codes: Any, bounds: Any, rules: Any, offsets: Any) -> Any:
    """Bring the stems to the beginning of ``codes``; return where they end.

    ``offsets`` says where each begins and ends in UTF-8.
    """
    free: Any = 0
    for i in range(len(bounds) - 1):
        a, b = bounds[i], bounds[i + 1]
        if b - a >= 3:
            b = _stem(rules, codes, a, b)
        n_bytes: Any = 0
        for p in range(a, b):
            code = codes[p]
            n_bytes += 1 + (code >= 0x80) + (code >= 0x800) + (code >= 0x10000)
            codes[free] = code
            free += 1
        offsets[i + 1] = offsets[i] + n_bytes
    return free
