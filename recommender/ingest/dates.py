"""Dates as publishers write them, to timezone-aware UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from numbers import Real
from typing import Any

__all__ = ["parse_date"]

_YEARS = range(1900, 2101)
_LONGEST = 100  # characters; no date is longer, and no pattern below sees more
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# 0 and other small numbers are unset fields, not a morning in January 1970.
_EARLIEST_EPOCH_SECONDS = 10_000_000

_TIME = (
    r"(?P<h>\d{1,2})[:.](?P<mi>\d{2})(?::(?P<s>\d{2})(?:[.,](?P<f>\d+))?)?(?:\s*(?P<half>[ap])\.?m\.?)?"
    r"(?:\s*(?P<zone>[+-]\d{2}:?\d{2}|[+-]\d{2}|\(?[A-Z]{1,5}\)?))?"
)
# After a whole time of day anything may follow: Reuters stamps carry codes, exports carry remarks.
_REST = rf"(?:(?:\s*T|[\s,;|–—]+(?:at\s+|о\s+|в\s+)?){_TIME}(?:\s.*)?)?\s*$"
_YEAR_SIGN = r"(?:\s*[гр]\.?(?![^\W\d_])|\s+(?:года|року))?"
_WEEKDAY = r"(?:[^\W\d_]+\.?,?\s+)?"
_PATTERNS = tuple(
    re.compile(pattern + _REST, re.IGNORECASE)
    for pattern in (
        r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})",
        r"(?P<d>\d{1,2})(?P<sep>[./-])(?P<m>\d{1,2})(?P=sep)(?P<y>\d{4})" + _YEAR_SIGN,
        _WEEKDAY
        + r"(?P<d>\d{1,2})(?:st|nd|rd|th)?[\s-]+(?P<name>[^\W\d_]{3,12})\.?,?[\s-]+(?P<y>\d{4})"
        + _YEAR_SIGN,
        _WEEKDAY + r"(?P<name>[^\W\d_]{3,12})\.?\s+(?P<d>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<y>\d{4})",
        r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})",
        r"(?P<name>[^\W\d_]{3,12})\.?,?\s+(?P<y>\d{4})" + _YEAR_SIGN,
    )
)
_NUMBER = re.compile(r"[+-]?\d{1,20}(?:\.\d{1,20})?")

_MONTHS = {
    name: number
    for names in (
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "січ лют бер кві тра чер лип сер вер жов лис гру",
        "янв фев мар апр мая июн июл авг сен окт ноя дек",
    )
    for number, name in enumerate(names.split(), start=1)
} | {"май": 5}

# Hours from UTC of the abbreviations that feeds really use; any other is read as UTC.
_ZONES = {
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
    "BST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3,
}  # fmt: skip


def parse_date(value: Any) -> datetime | None:
    """Return a publisher's date as timezone-aware UTC, or None where it cannot be one.

    A date without a zone is UTC; without a day or a month, the first. Numbers are seconds,
    milliseconds, microseconds or nanoseconds since 1970 by their size, four digits a year, eight
    digits a day written ``yyyymmdd``. ``03/04/2026`` is nobody's date for certain and gives None;
    ``25/04/2026`` is clear.

    Parameters
    ----------
    value : str, int, float, datetime, date, pandas Timestamp, numpy datetime64, ...

    Returns
    -------
    datetime in UTC within the years 1900 to 2100, or None

    Examples
    --------
    >>> parse_date("14-OCT-1987 10:02:21.49")
    datetime.datetime(1987, 10, 14, 10, 2, 21, 490000, tzinfo=datetime.timezone.utc)
    >>> parse_date("4 березня 2026 року, 9:05").isoformat()
    '2026-03-04T09:05:00+00:00'
    >>> parse_date("yesterday") is None
    True
    """
    try:
        return _in_range(_read(value))
    except (ValueError, OverflowError, TypeError, ArithmeticError):
        return None


def _read(value: Any) -> datetime | None:
    if isinstance(value, str):
        return _from_text(value.strip())
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, bool):
        return None
    if type(value).__name__ == "datetime64":
        # numpy counts in any unit; microseconds are the ones that turn into a datetime.
        return _read(value.astype("datetime64[us]").item())
    if isinstance(value, Real):
        return _from_number(float(value))
    return None


def _utc(moment: datetime) -> datetime:
    # A pandas Timestamp is a datetime of its own kind; the parts are taken so that a plain one
    # comes out.
    plain = datetime(
        moment.year,
        moment.month,
        moment.day,
        moment.hour,
        moment.minute,
        moment.second,
        moment.microsecond,
    )
    offset = moment.utcoffset()
    return (plain - offset if offset else plain).replace(tzinfo=UTC)


def _in_range(moment: datetime | None) -> datetime | None:
    return moment if moment is not None and moment.year in _YEARS else None


def _from_text(text: str) -> datetime | None:
    if not text or len(text) > _LONGEST:
        return None
    if _NUMBER.fullmatch(text):
        return _from_digits(text)
    try:
        return _utc(datetime.fromisoformat(text))
    except ValueError:
        return _from_patterns(text) or _from_mail(text)


def _from_digits(text: str) -> datetime | None:
    if len(text) == 14 and text.isdigit():
        return _utc(datetime.strptime(text, "%Y%m%d%H%M%S"))
    return _from_number(float(text))


def _from_number(number: float) -> datetime | None:
    if number.is_integer() and int(number) in _YEARS:
        return datetime(int(number), 1, 1, tzinfo=UTC)
    if 19_000_101 <= number <= 21_001_231 and number.is_integer():
        year, rest = divmod(int(number), 10_000)
        return datetime(year, rest // 100, rest % 100, tzinfo=UTC)
    for unit in (1.0, 1e3, 1e6, 1e9):
        seconds = number / unit
        if abs(seconds) < 1e11:
            break
    if abs(seconds) < _EARLIEST_EPOCH_SECONDS:
        return None
    return _EPOCH + timedelta(seconds=seconds)


def _from_patterns(text: str) -> datetime | None:
    for pattern in _PATTERNS:
        match = pattern.match(text)
        if match is not None:
            return _from_match(match.groupdict())
    return None


def _from_match(part: dict[str, str | None]) -> datetime | None:
    day = int(part.get("d") or 1)
    name = part.get("name")
    month = _MONTHS.get(name[:3].lower()) if name else int(part.get("m") or 1)
    if month is None:
        return None
    if part.get("sep") == "/" and day != month:
        if day <= 12 and month <= 12:
            return None
        day, month = (month, day) if month > 12 else (day, month)
    moment = datetime(int(part["y"] or 0), month, day, tzinfo=_zone(part.get("zone")))
    return (moment + _time_of_day(part)).astimezone(UTC)


def _time_of_day(part: dict[str, str | None]) -> timedelta:
    hours, minutes, seconds = (int(part.get(key) or 0) for key in ("h", "mi", "s"))
    half = part.get("half")
    if half:
        hours = hours % 12 + (12 if half.lower() == "p" else 0)
    if hours > 23 or minutes > 59 or seconds > 60:
        raise ValueError(part)
    micros = int(f"{part.get('f') or '0':0<6}"[:6])
    return timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=micros)


def _zone(text: str | None) -> timezone:
    if not text:
        return UTC
    name = text.strip("()").upper()
    if name[0] not in "+-":
        return timezone(timedelta(hours=_ZONES.get(name, 0)))
    digits = f"{name[1:].replace(':', ''):0<4}"
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if name[0] == "-" else offset)


def _from_mail(text: str) -> datetime | None:
    """Read RFC 2822 in the variants that the patterns above leave, such as years of two digits."""
    if ":" not in text:
        return None
    try:
        return _utc(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError):
        return None
