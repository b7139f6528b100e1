"""``recommender warm``."""

from __future__ import annotations

import click

from recommender.cli._terminal import say
from recommender.warm import compile_loops


@click.command("warm", epilog="\b\nExample:\n  recommender warm")
def command() -> None:
    """Compile the fast loops now, once an installation, so that no later command waits for it."""
    say(f"Compiled in {compile_loops():.1f} s; later commands load the result.")
