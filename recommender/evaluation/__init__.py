"""Are the lists any good? Judgements, runs, measures, comparisons, reports.

``qrels`` and ``derived`` bring judgements, ``logs`` what readers clicked, ``runs`` the lists;
``metrics`` measures each list against its judgements, ``beyond`` what needs none, ``offpolicy``
what a log tells of other lists, ``statistics`` how sure all that is. ``measuring`` puts one run's
figures together and ``comparing`` several runs'; ``report`` and ``comparison`` draw them as one
HTML file, ``frames`` gives them to pandas. ``judging`` asks people. ``tuning`` looks for better
settings by one part of the judgements, which ``splitting`` makes, and tests them on the other;
``pasting`` puts them into a settings file.

Importing this package loads none of its modules: a name loads the one it lives in.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recommender.evaluation.comparing import Comparison as Comparison
    from recommender.evaluation.comparing import compare as compare
    from recommender.evaluation.frames import to_frame as to_frame
    from recommender.evaluation.judgements import Judgements as Judgements
    from recommender.evaluation.logs import Log as Log
    from recommender.evaluation.logs import read_log as read_log
    from recommender.evaluation.measuring import Evaluation as Evaluation
    from recommender.evaluation.measuring import evaluate as evaluate
    from recommender.evaluation.qrels import read_judgements as read_judgements
    from recommender.evaluation.report import report_page as report_page
    from recommender.evaluation.runs import Run as Run
    from recommender.evaluation.runs import live_run as live_run
    from recommender.evaluation.runs import read_run as read_run
    from recommender.evaluation.tuning import Tuning as Tuning
    from recommender.evaluation.tuning import tune as tune

_HOMES = {
    "Comparison": "comparing",
    "Evaluation": "measuring",
    "Judgements": "judgements",
    "Log": "logs",
    "Run": "runs",
    "Tuning": "tuning",
    "compare": "comparing",
    "evaluate": "measuring",
    "live_run": "runs",
    "read_judgements": "qrels",
    "read_log": "logs",
    "read_run": "runs",
    "report_page": "report",
    "to_frame": "frames",
    "tune": "tuning",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
