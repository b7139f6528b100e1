"""The tree of errors: exported, explained, with the exit codes that scripts rely on."""

from __future__ import annotations

import inspect
import pickle

import pytest

from recommender import errors
from recommender.errors import MissingExtraError, RecommenderError

EXIT_CODES = {
    "RecommenderError": 1,
    "InputError": 2,
    "SourceNotFoundError": 4,
    "TooManyRejectionsError": 8,
    "ConfigError": 2,
    "UnknownArticleError": 4,
    "MissingExtraError": 2,
    "StorageError": 7,
    "RejectedBuildError": 9,
    "IndexFolderError": 5,
    "NotAnIndexError": 5,
    "DamagedIndexError": 5,
    "IncompatibleIndexError": 5,
    "IndexLockedError": 6,
}
BUILT_IN = {
    "InputError": ValueError,
    "ConfigError": ValueError,
    "UnknownArticleError": KeyError,
    "MissingExtraError": ImportError,
    "StorageError": OSError,
}


def classes() -> dict[str, type[RecommenderError]]:
    """Every error class that the module defines."""
    found: list[tuple[str, type[RecommenderError]]] = inspect.getmembers(errors, inspect.isclass)
    return {name: cls for name, cls in found if cls.__module__ == errors.__name__}


def test_all_every_class_is_exported_and_nothing_else() -> None:
    """``__all__`` is the list of the classes."""
    assert sorted(classes()) == sorted(errors.__all__)


@pytest.mark.parametrize("name", sorted(EXIT_CODES))
def test_exit_code_of_each_error_is_as_documented(name: str) -> None:
    """Scripts and cron tell failures apart by these numbers."""
    assert EXIT_CODES[name] == classes()[name].exit_code


def test_exit_code_every_class_has_its_row_above() -> None:
    """A new class needs a decision about its exit code."""
    assert sorted(EXIT_CODES) == sorted(classes())


@pytest.mark.parametrize("name", sorted(EXIT_CODES))
def test_docstring_of_the_module_names_each_class(name: str) -> None:
    """The drawn tree is complete, and each class says in a sentence what it means."""
    tree = (errors.__doc__ or "").replace("(", " ").split()

    assert name in tree
    assert (classes()[name].__doc__ or "").strip()


def test_tree_as_drawn_is_the_tree_of_the_classes() -> None:
    """Indentation in the drawing is inheritance."""
    parents: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        words = [w for w in line.replace("(", " ").split() if w in EXIT_CODES]
        if not words or not line.split()[-1] or "Error" not in line:
            continue
        depth = line.index(words[0]) // 4
        parents = [*parents[:depth], words[0]]
        expected = parents[-2] if depth else "Exception"
        bases = [base.__name__ for base in classes()[words[0]].__bases__]

        assert expected in bases
    assert parents


@pytest.mark.parametrize(("name", "built_in"), sorted(BUILT_IN.items()))
def test_built_in_relative_is_caught_too(name: str, built_in: type[Exception]) -> None:
    """Code that knows only Python's own errors catches ours."""
    assert issubclass(classes()[name], built_in)


@pytest.mark.parametrize("name", sorted(set(EXIT_CODES) - {"MissingExtraError"}))
def test_str_is_the_message_as_written(name: str) -> None:
    """No repr() quotes, as KeyError would add, and no "[Errno", as OSError would."""
    message = "Немає статті 'x'. Try: it's \"this\""

    assert message == str(classes()[name](message))
    assert str(classes()[name]()) == ""


def test_missing_extra_says_what_to_install() -> None:
    """The message ends with the command."""
    message = str(MissingExtraError("Reading Parquet", "parquet"))

    assert message.startswith("Reading Parquet needs")
    assert message.endswith("pip install 'recommender[parquet]'")


@pytest.mark.parametrize("name", sorted(EXIT_CODES))
def test_error_crosses_from_a_worker_process(name: str) -> None:
    """An error raised in a worker arrives as itself: an unpicklable one would kill the pool."""
    cls = classes()[name]
    error = MissingExtraError("Reading HTML", "html") if cls is MissingExtraError else cls("why")

    arrived = pickle.loads(pickle.dumps(error))

    assert type(arrived) is cls
    assert str(error) == str(arrived)
