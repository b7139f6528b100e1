"""Language labels as publishers write them, to ISO 639 codes."""

from __future__ import annotations

import re

__all__ = ["language_code"]

_CODE = re.compile(r"[a-z]{2,3}")

# Names in English and in the language itself, three-letter codes, and codes that are countries by
# mistake.
_NAMES = {
    "uk": "ua ukr ukrainian українська укр",
    "ru": "rus russian русский рус російська",
    "en": "eng english английский англійська",
    "be": "bel belarusian беларуская",
    "bg": "bul bulgarian български",
    "cs": "cz cze ces czech čeština česky",
    "da": "dan danish dansk",
    "de": "ger deu german deutsch",
    "el": "gr gre ell greek ελληνικά",
    "es": "spa spanish español castellano",
    "et": "est estonian eesti",
    "fi": "fin finnish suomi",
    "fr": "fre fra french français",
    "he": "heb hebrew iw עברית",
    "hr": "hrv croatian hrvatski",
    "hu": "hun hungarian magyar",
    "it": "ita italian italiano",
    "ja": "jp jpn japanese 日本語",
    "ka": "geo kat georgian ქართული",
    "kk": "kaz kazakh қазақ",
    "ko": "kor korean 한국어",
    "lt": "lit lithuanian lietuvių",
    "lv": "lav latvian latviešu",
    "nl": "dut nld dutch nederlands",
    "no": "nor norwegian norsk",
    "pl": "pol polish polski",
    "pt": "por portuguese português",
    "ro": "rum ron romanian română",
    "sk": "slo slk slovak slovenčina",
    "sl": "slv slovenian slovene slovenščina",
    "sr": "srp serbian srpski српски",
    "sv": "swe swedish svenska",
    "tr": "tur turkish türkçe",
    "ar": "ara arabic العربية",
    "zh": "cn chi zho chinese 中文",
}
_KNOWN = {name: code for code, names in _NAMES.items() for name in (*names.split(), code)}


def language_code(label: str) -> str | None:
    """Return the ISO 639 code a label means, or None where it names no language.

    Examples
    --------
    >>> [language_code(x) for x in ("uk-UA", "ua", "Ukrainian", "pt_BR.UTF-8", "?")]
    ['uk', 'uk', 'uk', 'pt', None]
    """
    name = label.strip().lower()
    if name in _KNOWN:
        return _KNOWN[name]
    main = re.split(r"[-_.@;,\s(]", name, maxsplit=1)[0]
    return _KNOWN.get(main) or (main if _CODE.fullmatch(main) and main != "und" else None)
