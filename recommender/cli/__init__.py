"""The command line: data on stdout, talk on stderr, a file per command, no logic.

Commands are imported when they are called, so that ``--help`` is quick.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
import warnings
from typing import NoReturn, TextIO

import click

from recommender._version import __version__
from recommender.cli._streams import harmless, mute_output, prepare_streams
from recommender.errors import RecommenderError, StorageError

__all__ = ["cli", "main"]

_COMMANDS = {
    "build": "Read articles and build the index.",
    "add": "Add articles to an index, and new versions of those it has.",
    "delete": "Delete articles from an index.",
    "merge": "Merge an index into one segment, and find all neighbours anew.",
    "related": "Show the block of an article, a URL or a draft.",
    "explain": "Say why one article is near another.",
    "why-not": "Say why an article is no card under another, or where it stands.",
    "story": "Show the running story that an article belongs to.",
    "rules": "Check the newsroom's rules against an index.",
    "export": "Write every article's list ahead of time.",
    "evaluate": "Measure the lists, and write a report for people.",
    "compare": "Compare two runs or more on judged articles.",
    "tune": "Look for settings of the block that bring better lists.",
    "judge": "Make a page for judging lists blindly, or read it back.",
    "serve": "Answer for blocks over HTTP.",
    "keys": "Make, list and revoke the keys of the service.",
    "where": "List every block that an article stands in.",
    "inspect": "Show what an index holds and how it was built.",
    "verify": "Check an index, file by file and number by number.",
    "versions": "List the generations of an index that are kept.",
    "rollback": "Make an older generation the live one again.",
    "diff": "Compare the articles and the blocks of two generations.",
    "gc": "Remove old generations that nobody needs.",
    "doctor": "Look at what building and serving depend on.",
    "warm": "Compile the fast loops ahead of the first use.",
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
        module = cmd_name.replace("-", "_")
        command: click.Command = importlib.import_module(f"recommender.cli.{module}").command
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


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line; an error is one line on stderr and an exit code."""
    prepare_streams()
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warned
            code = cli.main(args=args, prog_name="recommender", standalone_mode=False)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):
        # The reader of our output went away, as `| head` does (click and rich turn that into
        # SystemExit). Nothing is left to say, not even at exit.
        mute_output()
        code = 0
    except Exception as error:
        code = _told(error)
    sys.exit(code if isinstance(code, int) else 0)


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Say what is not as it should be: a line on stderr, without where in the code it was seen."""
    click.echo(f"recommender: warning: {harmless(str(message), lines=True)}", err=True)


def _told(error: Exception) -> int:
    """Say what went wrong and return the exit code."""
    if isinstance(error, click.Abort):
        click.echo("recommender: interrupted", err=True)
        return _INTERRUPTED
    if isinstance(error, click.ClickException):
        shown = io.StringIO()
        error.show(shown)
        click.echo(harmless(shown.getvalue(), lines=True), err=True, nl=False)
        return error.exit_code
    if isinstance(error, RecommenderError):
        click.echo(f"recommender: {harmless(str(error), lines=True)}", err=True)
        return error.exit_code
    if os.environ.get("RECOMMENDER_DEBUG"):
        raise error
    if isinstance(error, OSError):
        mute_output()
        click.echo(f"recommender: {harmless(str(error))}", err=True)
        return StorageError.exit_code
    click.echo(
        f"recommender: unexpected failure, a fault of this program: {type(error).__name__}: "
        f"{harmless(str(error))}. Run again with RECOMMENDER_DEBUG=1 to see where, and report it.",
        err=True,
    )
    return 1
