"""The stem of one Ukrainian word by the rules of `recommender.text.stem_uk`, slow and obvious."""

from __future__ import annotations

from typing import Final

_VOWELS: Final = frozenset("аеєиіїоуюя")

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
_ENDINGS: Final = frozenset((_NOUN_ENDINGS + _ADJECTIVE_ENDINGS + _VERB_ENDINGS).split())
_LONGEST_ENDING: Final = max(map(len, _ENDINGS))
# "ся" and "сь" are a verb's only after these; Полісся, волосся and Білорусь keep theirs.
_BEFORE_REFLEXIVE: Final = (
    "ть", "ти", "ла", "ло", "ли", "ав", "ив", "ів", "їв", "ув", "яв", "юв", "чи", "ши", "ю",
    "м", "й", "мо", "єш", "еш", "те",
)  # fmt: skip

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


def stem_uk(word: str) -> str:
    """Return the stem that the forms of a Ukrainian word have in common."""
    irregular = _IRREGULAR.get(word)
    if irregular is not None:
        return irregular
    if len(word) < 3:
        return word
    return _settle(word if len(word) == 3 else _without_ending(_without_reflexive(word)))


def _without_reflexive(word: str) -> str:
    """Cut "ся" or "сь" off a verb of six letters or more."""
    if len(word) < 6 or word[-2:] not in ("ся", "сь"):
        return word
    return word[:-2] if word[:-2].endswith(_BEFORE_REFLEXIVE) else word


def _without_ending(word: str) -> str:
    """Cut the longest ending that leaves two letters with a vowel among them."""
    for length in range(min(_LONGEST_ENDING, len(word) - 2), 0, -1):
        stem = word[:-length]
        if word[-length:] in _ENDINGS and not _VOWELS.isdisjoint(stem):
            return stem
    return word


def _settle(stem: str) -> str:
    """Undo what inflection does to the end of a stem; every step keeps at least two letters."""
    stem = _without_participle(stem)
    if len(stem) > 2 and stem[-1] == "ь":
        stem = stem[:-1]
    if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] in "нтлчшц":
        stem = stem[:-1]  # питання, питань
    stem = _without_plain_plural(_without_past(stem))
    return _hardened(_without_fleeting(_opened(_without_fleeting(stem))))


def _without_participle(stem: str) -> str:
    """Cut "ован" and "юван": запланований stands with планувати."""
    return stem[:-4] if len(stem) >= 7 and stem.endswith(("ован", "юван")) else stem


def _without_past(stem: str) -> str:
    """Cut the last letter of -ав, -ал, -ат and the like, so that читав, читала, читати meet читає.

    Nouns (канал, депутат, держав) lose it in all their forms alike.
    """
    return stem[:-1] if len(stem) >= 5 and stem[-1] in "влт" and stem[-2] in "аияую" else stem


def _without_plain_plural(stem: str) -> str:
    """Cut "ем" and "ам": in "проблем" and "програм" an ending was seen that is none."""
    cut = len(stem) >= 6 and stem.endswith(("ем", "ам")) and not _VOWELS.isdisjoint(stem[:-2])
    return stem[:-2] if cut else stem


def _without_fleeting(stem: str) -> str:
    """Drop the vowel that comes and goes: будинок, українець, березень, земель."""
    if len(stem) < 4 or stem[-2:] not in ("ок", "ец", "ен", "ел"):
        return stem
    if stem[-3] in _VOWELS or _VOWELS.isdisjoint(stem[:-2]):
        return stem
    return stem[:-2] + stem[-1]


def _opened(stem: str) -> str:
    """Write о for і before the last consonant (порогу, поріг), "ост" for "іст", "єв" for "їв"."""
    if len(stem) >= 5 and stem.endswith("іст"):
        return stem[:-3] + "ост"
    if stem.endswith("їв"):
        return stem[:-2] + "єв"
    if len(stem) < 3 or stem[-1] in _VOWELS or stem[-2] != "і":
        return stem
    return stem[:-2] + "о" + stem[-1]


def _hardened(stem: str) -> str:
    """Write к for ц and г for з at the end: Америці, Празі."""
    if len(stem) < 3 or stem[-1] not in "цз":
        return stem
    return stem[:-1] + ("к" if stem[-1] == "ц" else "г")
