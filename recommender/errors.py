"""Every error this package raises on purpose.

RecommenderError
├── InputError (ValueError)              an argument or a source that cannot be used
│   ├── SourceNotFoundError              the file, folder or table is not there or cannot be read
│   └── TooManyRejectionsError           more articles rejected than ``max_errors`` allows
├── ConfigError (ValueError)             a setting with an unknown name or an impossible value
├── UnknownArticleError (KeyError)       no article with this id or URL in the index
├── MissingExtraError (ImportError)      an optional package is needed; says how to install it
├── StorageError (OSError)               the disk refused a write; nothing was published
├── RejectedBuildError                   a build much worse than what is live; nothing was published
└── IndexFolderError                     the index folder, not the caller, is at fault
    ├── NotAnIndexError                  the folder holds no index
    ├── DamagedIndexError                a file is missing, cut, or does not match its digest
    ├── IncompatibleIndexError           written by a newer format, or with another text analysis
    └── IndexLockedError                 another writer is at work

Each class carries the exit code the command line ends with when it is the reason to stop.
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "DamagedIndexError",
    "IncompatibleIndexError",
    "IndexFolderError",
    "IndexLockedError",
    "InputError",
    "MissingExtraError",
    "NotAnIndexError",
    "RecommenderError",
    "RejectedBuildError",
    "SourceNotFoundError",
    "StorageError",
    "TooManyRejectionsError",
    "UnknownArticleError",
]


class RecommenderError(Exception):
    """Base of every error this package raises on purpose."""

    exit_code = 1

    def __str__(self) -> str:
        # KeyError would print its argument with repr(): a message is for reading.
        return str(self.args[0]) if self.args else ""


class InputError(RecommenderError, ValueError):
    """An argument or an article source that cannot be used as given."""

    exit_code = 2


class SourceNotFoundError(InputError):
    """The source is not there, or cannot be read at all."""

    exit_code = 4


class TooManyRejectionsError(InputError):
    """More articles were rejected than ``max_errors`` allows; nothing was published."""

    exit_code = 8


class ConfigError(RecommenderError, ValueError):
    """A setting has an unknown name or an impossible value."""

    exit_code = 2


class UnknownArticleError(RecommenderError, KeyError):
    """The index holds no article with this id or URL."""

    exit_code = 4


class MissingExtraError(RecommenderError, ImportError):
    """An optional package is needed for this; the message says how to install it.

    Parameters
    ----------
    what : str
        What the caller wanted to do, as the start of a sentence ("Reading Parquet").
    extra : str
        The extra of this package that brings the missing module.
    """

    exit_code = 2

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs an optional package. Install it with: pip install 'recommender[{extra}]'"
        )
        self._named = what, extra

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:
        # So that it crosses from a worker process: the default would call it with the message.
        return type(self), self._named


class IndexFolderError(RecommenderError):
    """The index folder, not the caller, is at fault."""

    exit_code = 5


class NotAnIndexError(IndexFolderError):
    """The folder holds no index."""


class DamagedIndexError(IndexFolderError):
    """A file of the index is missing, cut short, or does not match its digest."""


class IncompatibleIndexError(IndexFolderError):
    """The index was written by a newer format or with another text analysis."""


class IndexLockedError(IndexFolderError):
    """Another writer is at work on this index."""

    exit_code = 6


class StorageError(RecommenderError, OSError):
    """The disk refused a write (full, read-only, failing); nothing was published."""

    exit_code = 7


class RejectedBuildError(RecommenderError):
    """A build was so much worse than the live index that it was refused; nothing was published."""

    exit_code = 9
