"""``recommender warm``."""

from __future__ import annotations

import click

from recommender.cli._terminal import say
from recommender.warm import compile_loops


@click.command("warm", epilog="\b\nExample:\n  recommender warm")
def command() -> int:
    """Compile the fast loops now, once an installation, so that no later command waits for it.

    Says how many were compiled, and in which folder they are kept.
    """
    done = compile_loops()
    where = f"kept in {done.folder}" if done.folder else "kept nowhere: no folder can be written"
    say(
        f"Compiled {done.compiled} loops in {done.seconds:.1f} s, found {done.loaded} compiled; "
        f"{where}."
    )
    return 0 if done.folder else 1
