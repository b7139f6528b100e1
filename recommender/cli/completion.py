"""``recommender completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(
    "completion",
    epilog='\x08\nExample:\n  eval "$(recommender completion bash)"',
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands and options in your SHELL."""
    kind = get_completion_class(shell)
    if kind is None:  # Choice has refused every other name
        raise click.BadParameter(shell)
    script = kind(ctx.find_root().command, {}, "recommender", "_RECOMMENDER_COMPLETE")
    click.echo(script.source())
