"""One form for the many spellings of an article's URL."""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

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
_DEFAULT_PORTS = {"http": 80, "https": 443}


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
    try:
        parts = urlsplit(text if "//" in text else f"//{text}")
        host = _host(parts)
    except ValueError:
        return text
    if not host:
        return text
    path = quote(unquote(parts.path), safe="/:@!$&'()*+,;=~-._").rstrip("/")
    kept = sorted(
        (k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if not _tracks(k)
    )
    return host + path + (f"?{urlencode(kept)}" if kept else "")


def site_of(url: str | None) -> str:
    """Return the host of ``url`` without ``www.``, or "" where there is none."""
    if not url:
        return ""
    try:
        return _host(urlsplit(url if "//" in url else f"//{url}"))
    except ValueError:
        return ""


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").removeprefix("www.").rstrip(".")
    port = parts.port
    return host if port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{port}"


def _tracks(name: str) -> bool:
    return name.lower() in _TRACKING or name.lower().startswith(_TRACKING_PREFIXES)
