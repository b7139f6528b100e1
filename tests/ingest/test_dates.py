"""Dates in every form publishers use, and nonsense."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.ingest.dates import parse_date

MORNING = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
DAY = datetime(2026, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-04T10:00:00Z",
        "2026-03-04T10:00:00+00:00",
        "2026-03-04T12:00:00+02:00",
        "2026-03-04 13:00:00 +0300",
        "2026-03-04 10:00",
        "2026-03-04T10:00:00.000000000Z",
        "  2026-03-04 10:00:00 UTC ",
        "20260304T100000Z",
        "20260304100000",
        "2026/03/04 10:00",
        "04.03.2026 10:00",
        "4.3.2026, 10:00",
        "Wed, 04 Mar 2026 05:00:00 -0500",
        "Wed, 04 Mar 2026 10:00:00 GMT",
        "04 Mar 26 10:00:00 GMT",
        "Wed, 04 Mar 2026 05:00:00 EST",
        "4-MAR-2026 10:00:00.00",
        " 4-MAR-2026  10:00:00.00M C F",
        "March 4, 2026 10:00 AM",
        "Wednesday, March 4th, 2026 at 10:00 a.m.",
        "4 березня 2026 року, 10:00",
        "Середа, 4 березня 2026, 10:00",
        "4 марта 2026 г. в 10:00",
        1772618400,
        1772618400.0,
        1772618400_000,
        1772618400_000_000,
        1772618400_000_000_000,
        "1772618400",
        "1772618400000",
        datetime(2026, 3, 4, 10, 0),
        datetime(2026, 3, 4, 12, 0, tzinfo=timezone(timedelta(hours=2))),
        pd.Timestamp("2026-03-04 12:00", tz="Europe/Kyiv"),
        np.datetime64("2026-03-04T10:00:00.000000001"),
        np.int64(1772618400),
    ],
)
def test_date_in_any_form_is_the_same_moment(value: Any) -> None:
    """Every form of one moment gives that moment, in UTC."""
    assert parse_date(value) == MORNING
    assert type(parse_date(value)) is datetime


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-04",
        "20260304",
        20260304,
        "2026/3/4",
        "04.03.2026",
        "04-03-2026",
        "March 4, 2026",
        "4 Mar 2026",
        "4 берез. 2026 р.",
        "4 марта 2026",
        date(2026, 3, 4),
        np.datetime64("2026-03-04"),
    ],
)
def test_date_without_time_is_midnight_utc(value: Any) -> None:
    """A day alone is its first moment in UTC."""
    assert parse_date(value) == DAY


@pytest.mark.parametrize("value", ["2019", 2019, 2019.0, "2019-01", "January 2019", "січень 2019"])
def test_date_without_day_is_the_first(value: Any) -> None:
    """A year or a month alone is its first day."""
    assert parse_date(value) == datetime(2019, 1, 1, tzinfo=UTC)


def test_date_with_hundredths_keeps_them() -> None:
    """The Reuters form keeps its fraction of a second."""
    expected = datetime(1987, 10, 14, 10, 2, 21, 490_000, tzinfo=UTC)
    assert parse_date("14-OCT-1987 10:02:21.49") == expected


def test_date_with_slashes_is_read_only_where_it_is_clear() -> None:
    """25/04 can only be April; 03/04 may be March or April and is left alone."""
    assert parse_date("25/04/2026") == datetime(2026, 4, 25, tzinfo=UTC)
    assert parse_date("04/25/2026") == datetime(2026, 4, 25, tzinfo=UTC)
    assert parse_date("03/04/2026") is None


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "0000-00-00 00:00:00",
        "9999-12-31",
        "1899-12-31",
        "31.02.2026",
        "2026-13-01",
        "2026-03-04 25:00",
        "31-MAR-1987 605:12:19.12",
        "0001-01-01T00:00:00+14:00",
        "0",
        0,
        42,
        -1e300,
        float("inf"),
        float("nan"),
        10**400,
        "9" * 5000,
        "1" * 50,
        True,
        None,
        [],
        {},
        pd.NaT,
        np.datetime64("NaT"),
        b"2026-03-04",
    ],
)
def test_date_that_is_none_gives_none(value: Any) -> None:
    """Nonsense, years outside 1900 to 2100 and unset fields give None and never an error."""
    assert parse_date(value) is None


@given(st.one_of(st.text(), st.integers(), st.floats(), st.text("0123456789-:./ TZ+", max_size=40)))
def test_date_of_anything_is_none_or_utc_in_range(value: Any) -> None:
    """Whatever comes, the answer is None or a UTC time within the years."""
    moment = parse_date(value)
    assert moment is None or (moment.tzinfo is UTC and 1900 <= moment.year <= 2100)


@given(st.datetimes(datetime(1900, 1, 2), datetime(2100, 12, 30)), st.integers(-14, 14))
def test_date_written_as_iso_comes_back(moment: datetime, hours: int) -> None:
    """ISO 8601 with any zone is read back to the microsecond."""
    aware = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    assert parse_date(aware.isoformat()) == aware
