"""What commands say of a change of an index."""

from __future__ import annotations

from recommender.cli._terminal import say, tell
from recommender.updates import UpdateReport

__all__ = ["tell_update"]

_SHOWN = 5


def tell_update(report: UpdateReport) -> None:
    """Say what a commit did, and what it left as it was."""
    done = {
        "added": report.added,
        "updated": report.updated,
        "deleted": report.deleted,
    }
    parts = [f"{n:,} {what}" for what, n in done.items() if n]
    state = f"{report.articles:,} articles in generation {report.generation}"
    if parts:
        took = f"{report.seconds * 1000:,.0f} ms"
        tell(f"{report.model}: {', '.join(parts)} in {took}; {state}.")
    else:
        tell(f"{report.model}: nothing to change; {state}.")
    if report.unchanged:
        say(f"{report.unchanged:,} stand in the index just as given")
    if report.older:
        say(f"{report.older:,} left out: the index has a later version, by updated_at")
    if report.notices:
        say("notices: " + ", ".join(f"{n:,} {what}" for what, n in report.notices.items()))
    if report.rejected:
        say("rejected: " + ", ".join(f"{n:,} {why}" for why, n in report.rejected.items()))
    if report.unknown:
        shown = ", ".join(repr(name[:80]) for name in report.unknown[:_SHOWN])
        more = f" and {len(report.unknown) - _SHOWN:,} more" if len(report.unknown) > _SHOWN else ""
        say(f"{len(report.unknown):,} to delete not in the index: {shown}{more}")
