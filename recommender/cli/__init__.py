"""The command line: data on stdout, talk on stderr, a file per command, no logic.

Commands are imported when they are called, so that ``--help`` is quick.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from recommender._version import __version__
from recommender.errors import RecommenderError

__all__ = ["cli", "main"]

_COMMANDS = {
    "build": "Read articles and build the index.",
    "related": "Show the block of an article, a URL or a draft.",
    "explain": "Say why one article is near another.",
    "export": "Write every article's list ahead of time.",
    "inspect": "Show what an index holds and how it was built.",
    "verify": "Check an index, file by file and number by number.",
    "completion": "Print the shell completion script.",
}

_INTERRUPTED = 130


class _LazyGroup(click.Group):
    """A group whose commands live in modules of their own, imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"recommender.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from recommender._settings import nearest

            raise click.UsageError(error.message + nearest(args[0], _COMMANDS), ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start: recommender build ARTICLES.jsonl --model models/news",
)
@click.version_option(
    __version__, "-V", "--version", prog_name="recommender", message="%(prog)s %(version)s"
)
def cli() -> None:
    """Related articles for news sites: articles in, "Other News" out."""


def main(args: list[str] | None = None) -> Any:
    """Run the command line; an error is one line on stderr and an exit code."""
    try:
        code = cli.main(args=args, prog_name="recommender", standalone_mode=False)
    except RecommenderError as error:
        click.echo(f"recommender: {error}", err=True)
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        click.echo("recommender: interrupted", err=True)
        code = _INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does. Nothing is left to say, not even at
        # exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        if os.environ.get("RECOMMENDER_DEBUG"):
            raise
        click.echo(
            f"recommender: unexpected failure, a fault of this program: {type(error).__name__}: "
            f"{error}. Run again with RECOMMENDER_DEBUG=1 to see where, and report it.",
            err=True,
        )
        code = 1
    sys.exit(code if isinstance(code, int) else 0)
