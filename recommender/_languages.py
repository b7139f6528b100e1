"""What publishers write in a language field, as ISO 639-1 codes."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["normalize_lang"]

_SEPARATOR: Final = re.compile(r"[-_.@;,\s(]")
_CODES: Final = """
aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da
de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz
ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln
lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi
pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th
ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
_ISO_639_1: Final = frozenset(_CODES.split())
# Code, then its three-letter codes, common misuse, and names.
_ALIASES_BY_CODE: Final = """
uk ua ukr ukrainian українська украинский
ru rus russian русский російська
en eng english англійська английский
be bel belarusian беларуская
bg bul bulgarian български
cs cz ces cze czech čeština
da dan danish dansk
de deu ger german deutsch
el gr ell gre greek ελληνικά
es spa spanish español espanol castellano
et est estonian eesti
fi fin finnish suomi
fr fra fre french français francais
he iw heb hebrew עברית
hr hrv croatian hrvatski
hu hun hungarian magyar
hy hye arm armenian
it ita italian italiano
ja jp jpn japanese 日本語
ka kat geo georgian
kk kz kaz kazakh қазақ
ko kor korean 한국어
lt lit lithuanian lietuvių
lv lav latvian latviešu
mk mkd mac macedonian
nb nob norwegian bokmål norsk
nl nld dut dutch nederlands
no nor
pl pol polish polski
pt por portuguese português portugues
ro ron rum mo romanian română
sk slk slo slovak slovenčina
sl slv slovene slovenian slovenščina
sq sqi alb albanian shqip
sr srp scc serbian српски srpski
sv swe swedish svenska
tr tur turkish türkçe
zh zho chi cn chinese 中文
ar ara arabic العربية
fa fas per persian farsi فارسی
hi hin hindi
id ind in indonesian
vi vie vietnamese
"""
_ALIASES: Final = {
    alias: code
    for code, *aliases in map(str.split, _ALIASES_BY_CODE.strip().splitlines())
    for alias in aliases
}


def normalize_lang(value: str) -> str | None:
    """Return the ISO 639-1 code that a publisher's language field means, or None.

    Examples
    --------
    >>> [normalize_lang(v) for v in ("uk-UA", "ua", "Ukrainian", "UKR", "und", "")]
    ['uk', 'uk', 'uk', 'uk', None, None]
    """
    name = _SEPARATOR.split(value.strip().casefold(), maxsplit=1)[0].strip()
    if name in _ALIASES:
        return _ALIASES[name]
    return name if name in _ISO_639_1 else None
