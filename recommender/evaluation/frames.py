"""Evaluations as pandas DataFrames. The only module here that loads pandas, and only when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recommender.evaluation.measuring import Evaluation, table_rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["to_frame"]


def to_frame(found: Evaluation) -> pd.DataFrame:
    """Return one row a judged query (a list, where nothing is judged), indexed by id.

    Columns are the title, the groups (section, language, age, length) and every measure; what is
    not defined is missing.
    """
    import pandas as pd

    return pd.DataFrame.from_records(list(table_rows(found)), index="id")
