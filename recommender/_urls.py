"""One form for the many spellings of an article's URL."""

from __future__ import annotations

import re
import string
from urllib.parse import SplitResult, parse_qsl, quote, unquote_to_bytes, urlencode, urlsplit

__all__ = ["normalize_url", "site_of"]

# Parameters that say where a reader came from, never which article is meant.
_TRACKING_PREFIXES = ("utm_", "mc_", "pk_", "mtm_", "hsa_", "oly_")
_TRACKING = frozenset(
    [
        "fbclid",
        "gclid",
        "dclid",
        "gbraid",
        "wbraid",
        "yclid",
        "ysclid",
        "msclkid",
        "twclid",
        "igshid",
        "igsh",
        "ttclid",
        "_openstat",
        "from",
        "ref",
        "ref_src",
        "referrer",
        "cmpid",
        "ocid",
        "ncid",
        "smid",
        "sref",
        "amp",
    ]
)
_DEFAULT_PORTS = (None, 80, 443)
_WITH_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_PATH_SAFE = "/:@!$&'()*+,;=~-._"
_QUERY_SAFE = string.punctuation + " "


def normalize_url(url: str) -> str:
    """Return ``url`` without what does not tell articles apart.

    Scheme, ``www.``, default port, fragment, tracking parameters and a trailing slash go; the host
    is lower-cased, percent-encoding is made uniform, and the remaining parameters are sorted. A
    string that is no URL comes back stripped, so that look-ups of it simply find nothing.

    Examples
    --------
    >>> normalize_url("HTTP://www.News.example:80/a/b/?utm_source=x&id=7#top")
    'news.example/a/b?id=7'
    """
    text = url.strip()
    parts, host = _split(text)
    if not host:
        return text
    path = quote(unquote_to_bytes(_utf8(parts.path)), safe=_PATH_SAFE).rstrip("/")
    return host + path + _query(parts.query)


def site_of(url: str | None) -> str:
    """Return the host of ``url`` without ``www.``, or "" where there is none."""
    return _split(url.strip())[1] if url else ""


def _split(text: str) -> tuple[SplitResult, str]:
    """Return the parts of a URL and its host; the host is "" where ``text`` is no URL."""
    try:
        parts = urlsplit(text if _WITH_SCHEME.match(text) else f"//{text}")
        return parts, _host(parts)
    except ValueError:
        return urlsplit(""), ""


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").rstrip(".")
    while host.startswith("www."):
        host = host[4:]
    if not _HOST.fullmatch(host):
        return ""
    return host if parts.port in _DEFAULT_PORTS else f"{host}:{parts.port}"


def _query(query: str) -> str:
    """Return the parameters that tell articles apart, sorted; bytes that are no UTF-8 survive."""
    pairs = parse_qsl(
        quote(_utf8(query), safe=_QUERY_SAFE), keep_blank_values=True, errors="surrogateescape"
    )
    kept = sorted((name, value) for name, value in pairs if not _tracks(name))
    return f"?{urlencode(kept, errors='surrogateescape')}" if kept else ""


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _tracks(name: str) -> bool:
    return name.lower() in _TRACKING or name.lower().startswith(_TRACKING_PREFIXES)
