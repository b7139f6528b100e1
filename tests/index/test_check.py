"""The audit: sound indexes pass, and each rule is seen to be broken when it alone is."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender._keys import KeyTable
from recommender._strings import StringColumn
from recommender.errors import DamagedIndexError, NotAnIndexError
from recommender.index.check import Verification, _run, _words, verify_index
from recommender.index.invert import WINDOW
from recommender.index.opening import GENERATION_TYPES
from recommender.index.reader import NO_DATE, Index
from recommender.index.segment import ARRAY_TYPES
from recommender.index.settings import SearchSettings
from recommender.weighting import WeightSettings
from tests.index.forging import forge, own_array, read_array, segment_folder
from tests.index.making import corpus_of, index_of, with_arrays

ROWS = [{0: 1, 2: 5, 9: 1}, {1: 1, 2: 1}, {}, {0: 3, 1: 300, 299: 1}, {2: 1, 3: 9}, {2: 2}]
N_TERMS = 300

RULES = (
    "files and digests",
    "counts agree",
    "strings",
    "layout of the rows",
    "directory",
    "rows equal postings",
    "lengths",
    "keys",
    "statistics",
    "documents",
    "identity",
    "words to show",
    "neighbours",
    "links",
)
N_FILES = len(ARRAY_TYPES) + len(GENERATION_TYPES)
COMMON = [*ROWS, *({0: 1 + d % 3, 1 + d % 5: 1} for d in range(70))]
SEARCH = SearchSettings(neighbours=3)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small index that nobody changes."""
    root = tmp_path_factory.mktemp("sound") / "news"
    index_of(root, corpus_of(ROWS, n_terms=N_TERMS, languages=[0, 1, 2, 0, 1, 2]))
    return root


@pytest.fixture
def root(sound: Path, tmp_path: Path) -> Path:
    """A copy to forge."""
    shutil.copytree(sound, tmp_path / "news", copy_function=shutil.copyfile)
    return tmp_path / "news"


@pytest.fixture(scope="module")
def sound_common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with a column and a table of neighbours that nobody changes."""
    root = tmp_path_factory.mktemp("common") / "news"
    languages = [d % 3 for d in range(len(COMMON))]
    index_of(root, corpus_of(COMMON, n_terms=N_TERMS, languages=languages), search=SEARCH)
    return root


@pytest.fixture
def common(sound_common: Path, tmp_path: Path) -> Path:
    """A copy with a column and a table to forge."""
    shutil.copytree(sound_common, tmp_path / "common", copy_function=shutil.copyfile)
    return tmp_path / "common"


def broken_rules(result: Verification) -> list[str]:
    """Return the rules that were found broken."""
    return list(dict.fromkeys(problem.partition(": ")[0] for problem in result.problems))


def column(name: str, strings: list[str]) -> dict[str, NDArray[Any]]:
    """Return the two arrays of a column of strings."""
    made = StringColumn.from_strings(strings)
    return {f"{name}.data": made.data, f"{name}.offsets": made.offsets}


# --- sound indexes ---


def test_sound_index_has_no_problems(sound: Path) -> None:
    """Every rule is looked at, and the numbers are those of the index."""
    result = verify_index(sound)

    assert result.problems == ()
    assert result.healthy
    assert result.checks == RULES
    assert (result.generation, result.articles) == (1, 6)
    assert result.files == N_FILES


def test_sound_index_with_columns_and_neighbours_has_no_problems(sound_common: Path) -> None:
    """There is a column, and a row in the table for each article."""
    segment = Index.open(sound_common).parts[0].segment
    result = verify_index(sound_common)

    assert result.problems == ()
    assert result.checks == RULES
    assert result.files == N_FILES
    assert segment.n_columns == 1
    assert len(segment.neighbours) == 3 * len(COMMON)


def test_forged_without_a_change_has_no_problems(root: Path, common: Path) -> None:
    """The forger's own hand leaves no trace: what is found below is the change alone."""
    for folder in (root, common):
        forge(folder, segment={"published": read_array(folder, "published")})

        assert verify_index(folder).problems == ()


rows_of_counts = st.lists(
    st.dictionaries(st.integers(0, 400), st.integers(1, 300), max_size=6), max_size=8
)


@hypothesis_settings(deadline=None, max_examples=25)
@given(rows=rows_of_counts, smooth=st.booleans(), max_df=st.sampled_from([1.0, 0.5, 2]))
def test_any_built_index_is_sound(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[dict[int, int]],
    smooth: bool,
    max_df: int | float,
) -> None:
    """No corpus that can be built is called broken: terms nobody uses, empty articles, none."""
    root = tmp_path_factory.mktemp("any")
    index_of(root, corpus_of(rows, n_terms=401), WeightSettings(smooth_idf=smooth, max_df=max_df))

    assert verify_index(root).problems == ()


def test_undated_articles_before_dated_ones_are_in_order(tmp_path: Path) -> None:
    """The smallest number stands for no date; the difference to a date does not fit 64 bits."""
    published = np.array([NO_DATE, NO_DATE, 1, 2, 1_700_000_000, 2**62], np.int64)
    index_of(tmp_path, replace(corpus_of(ROWS, n_terms=N_TERMS), published=published))

    assert verify_index(tmp_path).problems == ()


def test_articles_without_urls_are_sound(tmp_path: Path) -> None:
    """Absent is the empty string, any number of times."""
    urls = StringColumn.from_strings([""] * len(ROWS))
    index_of(tmp_path, replace(corpus_of(ROWS, n_terms=N_TERMS), urls=urls))

    assert verify_index(tmp_path).problems == ()


# --- files ---


def test_damaged_file_is_the_one_problem(root: Path) -> None:
    """A changed file is named; the arrays are then not looked at."""
    path = segment_folder(root) / "postings.codes.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")

    result = verify_index(root)

    assert not result.healthy
    assert result.checks == ("files and digests",)
    assert len(result.problems) == 1
    assert "postings.codes.npy was changed" in result.problems[0]


def test_folder_without_an_index_is_an_error(tmp_path: Path) -> None:
    """There is nothing to audit."""
    with pytest.raises(NotAnIndexError):
        verify_index(tmp_path)


# --- each rule ---


def assert_found(root: Path, rule: str, words: str) -> Verification:
    """Check that the rule, and no other, is named with these words."""
    assert Index.open(root).manifest.generation == 1  # all digests are right
    result = verify_index(root)

    assert not result.healthy
    assert [rule] == broken_rules(result), result.problems
    assert any(words in problem for problem in result.problems), result.problems
    return result


@pytest.mark.parametrize("name", ["ids", "urls", "cards"])
@pytest.mark.parametrize("n", [5, 7, 0])
def test_column_of_other_length_breaks_counts_agree(root: Path, name: str, n: int) -> None:
    """As many strings as articles."""
    forge(root, segment=column(name, [f'{{"a": {i}}}' for i in range(n)]))

    assert_found(root, "counts agree", f"{name} has {n} entries, expected 6")


def test_forms_of_other_length_break_counts_agree(root: Path) -> None:
    """As many written forms as terms."""
    forge(root, segment=column("forms", ["x"]))

    assert_found(root, "counts agree", "forms has 1 entries, expected 300")


@pytest.mark.parametrize("name", ["languages", "published"])
def test_array_of_other_length_breaks_counts_agree(root: Path, name: str) -> None:
    """As many entries as articles."""
    forge(root, segment={name: read_array(root, name)[:-1]})

    assert_found(root, "counts agree", f"{name} has 5 entries, expected 6")


@pytest.mark.parametrize(("cut", "expected"), [(slice(-1), 64), (slice(0), 301 * 64)])
def test_directory_of_other_length_breaks_counts_agree(
    root: Path, cut: slice, expected: int
) -> None:
    """One pointer a term without a column, and one more: fewer would mean more columns."""
    forge(root, segment={"postings.entry_ptr": read_array(root, "postings.entry_ptr")[cut]})

    assert_found(root, "counts agree", f"columns has 0 entries, expected {expected:,}")


def test_directory_of_more_terms_than_there_are_breaks_counts_agree(root: Path) -> None:
    """A pointer too many would be a column less than none."""
    pointers = read_array(root, "postings.entry_ptr")
    forge(root, segment={"postings.entry_ptr": np.append(pointers, pointers[-1])})

    assert_found(root, "counts agree", "columns has 0 entries, expected -64")


@pytest.mark.parametrize("n", [-1, 1, 64, -64])
def test_columns_of_other_length_break_counts_agree(common: Path, n: int) -> None:
    """A byte an article, rounded up to 64, for each term that has a column."""
    dense = read_array(common, "postings.dense")
    changed = dense[:n] if n < 0 else np.append(dense, np.zeros(n, np.uint8))
    forge(common, segment={"postings.dense": changed})

    assert_found(common, "counts agree", f"columns has {128 + n} entries, expected 128")


@pytest.mark.parametrize(("name", "expected"), [("bounds", 128), ("bound_units", 1)])
@pytest.mark.parametrize("n", [-1, 1])
def test_bounds_of_other_length_break_counts_agree(
    common: Path, name: str, expected: int, n: int
) -> None:
    """A byte an article, rounded up to 64, and a unit, for every 64 columns begun."""
    array = read_array(common, f"postings.{name}")
    forge(common, segment={f"postings.{name}": array[:n] if n < 0 else np.append(array, array[:n])})

    assert_found(common, "counts agree", f"{name} has {expected + n} entries, expected {expected}")


def test_frequencies_of_other_length_break_counts_agree(root: Path) -> None:
    """The loops index by term without looking."""
    forge(root, segment={"df": read_array(root, "df")[:150]})

    assert_found(root, "counts agree", "df has 150 entries, expected 300")


@pytest.mark.parametrize(("name", "n"), [("norms", 6), ("idf_squared", 300)])
def test_lengths_of_other_length_are_not_opened(root: Path, name: str, n: int) -> None:
    """The loops index by term and by article without looking, digests compared or not."""
    forge(root, segment={name: read_array(root, name)[: n // 2]})
    words = rf"{name}\.npy .*{n // 2} numbers for {n}"

    with pytest.raises(DamagedIndexError, match=words):
        Index.open(root, verify=False)
    result = verify_index(root)
    assert result.checks == ("files and digests",)
    assert re.search(words, result.problems[0])


@pytest.mark.parametrize("change", [lambda df: df[:150], lambda df: np.append(df, df[-1:])])
def test_frequencies_of_the_collection_of_other_length_are_not_opened(
    root: Path, change: Callable[[NDArray[np.int32]], NDArray[np.int32]]
) -> None:
    """There is one for each term that a segment brings."""
    forge(root, own={"df": change(own_array(root, "df"))})

    with pytest.raises(DamagedIndexError, match=r"df\.npy counts other terms"):
        Index.open(root, verify=False)
    assert verify_index(root).checks == ("files and digests",)


@pytest.mark.parametrize("name", ["articles", "terms", "postings"])
def test_count_of_the_manifest_breaks_statistics(root: Path, name: str) -> None:
    """What people read in the manifest is what is there."""
    n = Index.open(root).manifest.counts[name]
    forge(root, change=lambda plain: plain["counts"].update({name: 12345}))

    assert_found(root, "statistics", f"there are {n:,} {name}; the manifest says 12345")


def test_count_missing_from_the_manifest_is_a_finding(root: Path) -> None:
    """Damage, whoever opens it."""
    forge(root, change=lambda plain: plain.update(counts={}))

    assert "something else than its format says as counts" in verify_index(root).problems[0]


@pytest.mark.parametrize("name", ["terms", "forms", "ids", "urls", "cards"])
@pytest.mark.parametrize("how", ["backwards", "past the end", "short", "negative", "huge"])
def test_offsets_that_do_not_fit_break_strings(root: Path, name: str, how: str) -> None:
    """Wild pointers are found before anything follows them."""
    offsets = read_array(root, f"{name}.offsets")
    if how == "backwards":
        offsets[1], offsets[2] = offsets[2] + 1, offsets[1]
    elif how == "huge":
        offsets[1:-1] = 2**60
    elif how == "negative":
        offsets[0] = -(2**40)
    else:
        offsets[-1] += 1 if how == "past the end" else -1
    forge(root, segment={f"{name}.offsets": offsets})

    result = assert_found(root, "strings", f"the offsets of {name} do not fit its bytes")
    assert result.checks == RULES[:3]


@pytest.mark.parametrize("name", ["terms", "forms", "ids", "urls", "cards"])
def test_bytes_that_are_no_utf8_break_strings(root: Path, name: str) -> None:
    """Every stored text can be shown."""
    data = read_array(root, f"{name}.data")
    data[0] = 0xFF
    forge(root, segment={f"{name}.data": data})

    assert_found(root, "strings", f"{name} is no UTF-8")


def test_row_that_begins_inside_a_letter_breaks_strings(root: Path) -> None:
    """All bytes together are UTF-8, yet no row is."""
    made = StringColumn.from_strings(["ж", "", "ж", "ж", "ж", "ж"])
    offsets = made.offsets.copy()
    offsets[3] -= 1
    forge(root, segment={"urls.data": made.data, "urls.offsets": offsets})

    assert_found(root, "strings", "urls is no UTF-8")


ROW_POINTERS = {
    "backwards": lambda p: np.array([p[0], p[2], p[1], *p[3:]], np.uint32),
    "not from zero": lambda p: np.array([1, *p[1:]], np.uint32),
    "past the end": lambda p: np.array([*p[:-1], p[-1] + 2], np.uint32),
    "far past the end": lambda p: np.array([p[0], *([2**32 - 1] * (len(p) - 2)), p[-1]], np.uint32),
    "inside an entry": lambda p: np.array([*p[:4], p[3] + 2, *p[5:]], np.uint32),
}


@pytest.mark.parametrize("how", sorted(ROW_POINTERS))
def test_pointers_of_rows_that_do_not_fit_break_the_layout(root: Path, how: str) -> None:
    """Found by walking with care, before the loops that trust them run."""
    pointers = ROW_POINTERS[how](read_array(root, "rows.row_ptr"))
    forge(root, segment={"rows.row_ptr": pointers})

    result = assert_found(root, "layout of the rows", "pointers of the rows do not fit")
    assert result.checks == RULES[:4]


def test_last_gap_that_never_ends_breaks_the_layout(root: Path) -> None:
    """A packed number that runs past the end of the file is not followed there."""
    packed = read_array(root, "rows.packed")
    packed[-2:] = 7  # goes before a term, and there is none
    forge(root, segment={"rows.packed": packed})

    assert_found(root, "layout of the rows", "pointers of the rows do not fit")


def test_term_that_does_not_exist_breaks_the_layout(root: Path) -> None:
    """A row names only terms of the vocabulary."""
    pointers = read_array(root, "rows.row_ptr")
    packed = read_array(root, "rows.packed")
    start = int(pointers[0])
    assert pointers[1] - start >= 2
    packed[start : start + 2] = 8 * 9 + 6, 8 * 4095  # the code 9, a gap of 4,095
    pointers_of_one_entry = pointers.copy()
    shorter = np.concatenate([packed[: start + 2], packed[pointers[1] :]])
    pointers_of_one_entry[1:] -= np.uint32(int(pointers[1]) - start - 2)
    forge(root, segment={"rows.packed": shorter, "rows.row_ptr": pointers_of_one_entry})

    assert_found(root, "layout of the rows", "a row names a term that does not exist")


def test_code_changed_in_a_row_breaks_rows_equal_postings(root: Path) -> None:
    """The count says one thing by article and another by term; the length is off too."""
    packed = read_array(root, "rows.packed")
    packed[0] += 1
    forge(root, segment={"rows.packed": packed})

    result = verify_index(root)

    assert broken_rules(result) == ["rows equal postings", "lengths"]
    assert "postings and rows disagree (codes)" in result.problems[0]


@pytest.mark.parametrize("name", ["bases", "entry_ptr"])
@pytest.mark.parametrize("how", ["not from zero", "negative", "backwards"])
def test_pointers_of_postings_that_run_backwards_break_the_directory(
    root: Path, name: str, how: str
) -> None:
    """The loops behind it would follow them, so nothing more is looked at."""
    pointers = read_array(root, f"postings.{name}")
    pointers[0] = {"not from zero": 1, "negative": -5, "backwards": pointers[1] + 1}[how]
    forge(root, segment={f"postings.{name}": pointers})

    result = assert_found(root, "directory", "pointers run backwards")
    assert result.checks == RULES[:5]


@pytest.mark.parametrize("names", [("docs", "codes"), ("docs",), ("codes",)])
def test_fewer_postings_than_the_windows_say_break_the_directory(
    root: Path, names: tuple[str, ...]
) -> None:
    """The last one is missing from both arrays, or from one of them."""
    forge(root, segment={f"postings.{n}": read_array(root, f"postings.{n}")[:-1] for n in names})

    assert_found(root, "directory", "there are not as many postings as the windows say")


@pytest.mark.parametrize("name", ["entry_starts", "entry_counts"])
@pytest.mark.parametrize("value", [None, 60_000])
def test_directory_that_leads_past_the_postings_is_found(
    root: Path, name: str, value: int | None
) -> None:
    """By one, or far out: memory that is not the index's would be read."""
    array = read_array(root, f"postings.{name}")
    array[-1] = array[-1] + 1 if value is None else value
    forge(root, segment={f"postings.{name}": array})

    assert_found(root, "directory", "the directory leads past the postings")


def test_directory_that_names_a_window_that_does_not_exist_is_found(root: Path) -> None:
    """There is one window."""
    windows = read_array(root, "postings.entry_windows")
    windows[-1] = 1
    forge(root, segment={"postings.entry_windows": windows})

    assert_found(root, "directory", "the directory names a window that does not exist")


@pytest.mark.parametrize("name", ["entry_windows", "entry_starts", "entry_counts"])
def test_directory_arrays_of_unequal_length_are_found(root: Path, name: str) -> None:
    """Each entry has a window, a start and a count."""
    forge(root, segment={f"postings.{name}": read_array(root, f"postings.{name}")[:-1]})

    result = verify_index(root)

    assert broken_rules(result) == ["directory"]


def test_posting_that_counts_nothing_breaks_rows_equal_postings(root: Path) -> None:
    """Code 0 is never stored."""
    codes = read_array(root, "postings.codes")
    codes[3] = 0
    forge(root, segment={"postings.codes": codes})

    assert_found(root, "rows equal postings", "postings and rows disagree (codes)")


def test_document_frequency_that_differs_breaks_rows_equal_postings(root: Path) -> None:
    """The collection counts by it, so the statistics do not fit either."""
    df = read_array(root, "df")
    df[0] -= 1
    forge(root, segment={"df": df})

    result = verify_index(root)

    assert broken_rules(result) == ["rows equal postings", "statistics"]
    assert "document frequencies differ from the rows" in result.problems[0]


def test_document_frequency_of_the_collection_that_differs_breaks_statistics(root: Path) -> None:
    """It decides every weight."""
    df = own_array(root, "df")
    df[0] -= 1
    n = int(df.sum())
    forge(root, own={"df": df}, change=lambda plain: plain["counts"].update(postings=n))

    assert_found(root, "statistics", "document frequencies differ from those of the segments")


def test_weight_of_a_word_that_differs_breaks_lengths(root: Path) -> None:
    """The stored lengths are those of the stored weights."""
    idf_squared = read_array(root, "idf_squared")
    idf_squared[0] *= 1.5
    forge(root, segment={"idf_squared": idf_squared})

    assert_found(root, "lengths", "stored lengths differ from those of the rows")


CHANGES: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {  # all inside the bounds
    "docs": lambda a: np.array([*a[:-1], a[-1] + 1], a.dtype),
    "codes": lambda a: np.array([*a[:-1], a[-1] + 1], a.dtype),
    "entry_starts": lambda a: np.array([*a[:-1], a[-1] - 1], a.dtype),
    "entry_counts": lambda a: np.array([a[0] - 1, *a[1:]], a.dtype),
    "dense": lambda a: np.array([a[0] + 1, *a[1:]], a.dtype),
    "padding of dense": lambda a: np.array([*a[:-1], 1], a.dtype),
    "bounds": lambda a: np.array([a[0] - 1, *a[1:]], a.dtype),
    "bound_units": lambda a: a * 0.9,
}


@pytest.mark.parametrize("how", sorted(CHANGES))
def test_array_of_postings_that_differs_from_the_rows_is_named(common: Path, how: str) -> None:
    """The postings can be made again from the rows, and must be the same."""
    name = how.rpartition(" ")[2]
    array = read_array(common, f"postings.{name}")
    forge(common, segment={f"postings.{name}": CHANGES[how](array)})

    result = verify_index(common)

    assert "rows equal postings" in broken_rules(result)
    assert set(broken_rules(result)) <= {"rows equal postings", "neighbours"}
    assert result.problems[0] == f"rows equal postings: postings and rows disagree ({name})"


def test_directory_that_names_the_other_window_is_named(tmp_path: Path) -> None:
    """Both windows exist; the postings of the term are in the second."""
    corpus = corpus_of([{0: 1}, *([{1: 1}] * WINDOW), {2: 1}], n_terms=3)
    index_of(tmp_path, corpus)
    assert verify_index(tmp_path).problems == ()
    windows = read_array(tmp_path, "postings.entry_windows")
    assert windows.tolist() == [0, 1]  # terms 0 and 2; term 1 has a column
    windows[1] = 0
    forge(tmp_path, segment={"postings.entry_windows": windows})

    assert_found(tmp_path, "rows equal postings", "postings and rows disagree (entry_windows)")


# --- the table of neighbours ---


def forge_table(root: Path, doc: int, row: list[int]) -> None:
    """Replace the neighbours of one document."""
    table = read_array(root, "neighbours")
    table[3 * doc : 3 * doc + 3] = row
    forge(root, segment={"neighbours": table})


def table_row(root: Path, doc: int) -> list[int]:
    """Return the neighbours of a document."""
    row: list[int] = read_array(root, "neighbours")[3 * doc : 3 * doc + 3].tolist()
    return row


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([13, 16, len(COMMON)], "a document is named that does not exist"),
        ([2**31 - 1, 13, 16], "a document is named that does not exist"),
        ([13, 16, -2], "a document is named that does not exist"),
        ([-1, 13, 16], "a row has a gap"),
        ([13, -1, 16], "a row has a gap"),
        ([10, 13, 16], "a document is its own neighbour"),
        ([13, 16, 13], "a neighbour stands twice"),
        ([13, 16, 12], "a neighbour is of another language"),
    ],
)
def test_neighbour_that_cannot_be_one_is_named(common: Path, row: list[int], words: str) -> None:
    """In any row, not just in the sample that is searched for again."""
    forge_table(common, 10, row)

    result = assert_found(common, "neighbours", words)
    assert len(result.problems) == 1


@pytest.mark.parametrize("doc", [6, 41, len(COMMON) - 1])
@pytest.mark.parametrize("places", [(0, 1), (1, 2), (0, 2)])
def test_neighbours_out_of_order_are_found(common: Path, doc: int, places: tuple[int, int]) -> None:
    """Best first by the true score, ties by number."""
    row = table_row(common, doc)
    a, b = places
    row[a], row[b] = row[b], row[a]
    forge_table(common, doc, row)

    assert_found(common, "neighbours", f"the neighbours of document {doc} are not best first")


def test_neighbour_that_shares_nothing_is_found(tmp_path: Path) -> None:
    """A score of nothing is no neighbour, though it would stand last."""
    index_of(tmp_path, corpus_of([{0: 1}, {0: 1}, {1: 1}], n_terms=2), search=SEARCH)
    forge_table(tmp_path, 0, [1, 2, -1])

    assert_found(tmp_path, "neighbours", "the neighbours of document 0 are not best first")


@pytest.mark.parametrize("row", [slice(1, None), slice(0, -1), slice(0, 0)])
def test_neighbour_that_is_missing_is_found(common: Path, row: slice) -> None:
    """In order and none wrong, yet not those that a search finds."""
    left = table_row(common, 20)[row]
    forge_table(common, 20, left + [-1] * (3 - len(left)))

    assert_found(common, "neighbours", "document 20 are not those that a search finds")


def test_neighbours_made_in_haste_need_not_be_those_of_a_search(common: Path) -> None:
    """Fast tables are in order by the true scores; that they are complete nobody claims."""
    forge_table(common, 20, [*table_row(common, 20)[1:], -1])
    forge(
        common, change=lambda plain: plain["settings"]["search"].update(mode="fast", candidates=1)
    )

    assert verify_index(common).problems == ()


@pytest.mark.parametrize("swapped", [True, False])
def test_neighbours_of_an_index_that_does_not_say_how_are_judged_by_their_order(
    common: Path, swapped: bool
) -> None:
    """Settings of the search may be absent."""
    row = table_row(common, 20)
    forge_table(common, 20, [row[1], row[0], row[2]] if swapped else [*row[1:], -1])
    forge(common, change=lambda plain: plain["settings"].pop("search"))

    assert broken_rules(verify_index(common)) == (["neighbours"] if swapped else [])


@pytest.mark.parametrize("n", [-3, -1, 1])
def test_neighbours_of_an_odd_number_are_damage(common: Path, n: int) -> None:
    """The same number for each article, or the index does not open."""
    table = read_array(common, "neighbours")
    changed = table[:n] if n < 0 else np.append(table, np.int32(-1))
    forge(common, segment={"neighbours": changed})

    result = verify_index(common)

    assert result.checks == ("files and digests",)
    assert "neighbours.npy holds" in result.problems[0]
    with pytest.raises(DamagedIndexError, match=r"neighbours\.npy holds"):
        Index.open(common, verify=False)


@pytest.mark.parametrize("width", [2, 4])
def test_neighbours_of_another_width_than_the_settings_say_are_found(
    common: Path, width: int
) -> None:
    """Two or four places where three were asked for."""
    table = np.full(width * len(COMMON), -1, np.int32)
    forge(common, segment={"neighbours": table})

    assert_found(common, "neighbours", f"each article has {width} places, expected 3")


def test_neighbours_that_were_asked_for_and_are_not_there_are_found(root: Path) -> None:
    """No table, though the settings of the build name one."""
    forge(root, change=lambda plain: plain["settings"].update(search={"neighbours": 3}))

    assert_found(root, "neighbours", "each article has 0 places, expected 3")


def test_neighbours_of_no_articles_are_found(tmp_path: Path) -> None:
    """Whose would they be."""
    index_of(tmp_path, corpus_of([], n_terms=0), search=SEARCH)
    assert verify_index(tmp_path).problems == ()
    forge(tmp_path, segment={"neighbours": np.zeros(3, np.int32)})

    assert_found(tmp_path, "counts agree", "neighbours has 3 entries, expected 0")


@pytest.mark.parametrize("search", [5, [1], {"neighbours": -1}, {"unknown": 1}])
def test_settings_of_a_search_that_are_none_are_damage(root: Path, search: Any) -> None:
    """A reader decides by them whether the table serves."""
    forge(root, change=lambda plain: plain["settings"].update(search=search))

    result = verify_index(root)

    assert result.checks == ("files and digests",)
    assert "manifest.json" in result.problems[0]


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_stored_length_that_is_none_is_not_opened(root: Path, value: float) -> None:
    """Loops divide by lengths: what cannot be one is damage, digests compared or not."""
    norms = read_array(root, "norms")
    norms[1] = value
    forge(root, segment={"norms": norms})

    with pytest.raises(DamagedIndexError, match=r"norms\.npy holds what cannot be"):
        Index.open(root, verify=False)
    assert broken_rules(verify_index(root)) != []


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_stored_weight_that_is_none_is_not_opened(root: Path, value: float) -> None:
    """A reader measures by it how far the lengths may be off."""
    idf_squared = read_array(root, "idf_squared")
    idf_squared[1] = value
    forge(root, segment={"idf_squared": idf_squared})

    with pytest.raises(DamagedIndexError, match=r"idf_squared\.npy holds what cannot be"):
        Index.open(root, verify=False)
    assert broken_rules(verify_index(root)) != []


@pytest.mark.parametrize("value", [0.0, "next"])
def test_stored_length_that_is_off_breaks_lengths(root: Path, value: float | str) -> None:
    """Even by the last bit."""
    norms = read_array(root, "norms")
    norms[1] = np.nextafter(norms[1], 2.0) if value == "next" else value
    forge(root, segment={"norms": norms})

    assert_found(root, "lengths", "stored lengths differ from those of the rows")


@pytest.mark.parametrize("name", ["term_keys", "id_keys", "url_keys"])
@pytest.mark.parametrize("how", ["hash", "row", "far row", "negative row", "order", "missing"])
def test_key_that_does_not_lead_to_its_row_breaks_keys(root: Path, name: str, how: str) -> None:
    """A wrong hash, a wrong row, another order, a string without its key."""
    hashes, rows = read_array(root, f"{name}.hashes"), read_array(root, f"{name}.rows")
    if how == "hash":
        hashes[0] -= 1
    elif how in ("row", "far row", "negative row"):
        rows[0] = {"row": (rows[0] + 1) % len(rows), "far row": 2**30, "negative row": -1}[how]
    elif how == "order":
        hashes, rows = hashes[::-1], rows[::-1]
    else:
        hashes, rows = hashes[1:], rows[1:]
    forge(root, segment={f"{name}.hashes": hashes, f"{name}.rows": rows})

    assert_found(root, "keys", f"{name} does not lead to its rows")


def _ids(strings: list[str]) -> Mapping[str, NDArray[Any]]:
    """Return the column of ids with a key table that fits it."""
    table = KeyTable.build(StringColumn.from_strings(strings))
    keys: dict[str, NDArray[Any]] = {"id_keys.hashes": table.hashes, "id_keys.rows": table.rows}
    return {**column("ids", strings), **keys}


def test_article_id_that_stands_twice_breaks_identity(root: Path) -> None:
    """The second article could never be asked for."""
    forge(root, segment=_ids(["a0", "a1", "a1", "a3", "a4", "a5"]))

    assert_found(root, "identity", "an article id stands twice")


def test_article_without_an_id_breaks_keys(root: Path) -> None:
    """The publisher's id is never empty."""
    forge(root, segment=_ids(["a0", "", "a2", "a3", "a4", "a5"]))

    assert_found(root, "keys", "an article has no id")


def test_language_that_the_manifest_does_not_name_breaks_documents(root: Path) -> None:
    """Every code has its name."""
    languages = read_array(root, "languages")
    languages[2] = 3
    forge(root, segment={"languages": languages})

    assert_found(root, "documents", "a language that the manifest does not name")


def test_documents_out_of_publishing_order_break_documents(root: Path) -> None:
    """Older articles have smaller numbers."""
    published = read_array(root, "published")
    published[[0, 5]] = published[[5, 0]]
    forge(root, segment={"published": published})

    assert_found(root, "documents", "documents are not in publishing order")


@pytest.mark.parametrize(
    "card", ["", "{", "[]", "null", "5", '"x"', "[" * 100_000, "1" * 5000, '{"a": 1} x']
)
def test_card_that_is_no_object_breaks_documents(root: Path, card: str) -> None:
    """Whatever stands there: a finding, never an exception."""
    forge(root, segment=column("cards", ["{}"] * 5 + [card]))

    assert_found(root, "documents", "")


# --- what a generation says of its segments ---


def links(docs: list[int], ptr: list[int], ends: list[int]) -> dict[str, NDArray[Any]]:
    """Return the arrays of links."""
    return {
        "links.docs": np.array(docs, np.int32),
        "links.ptr": np.array(ptr, np.int64),
        "links.ends": np.array(ends, np.int32),
    }


def test_links_within_a_language_are_sound(root: Path) -> None:
    """Each way, or one."""
    forge(root, own=links([0, 3, 4], [0, 1, 2, 3], [3, 0, 1]))

    assert verify_index(root).problems == ()


@pytest.mark.parametrize(
    ("docs", "ptr", "ends", "words"),
    [
        ([0], [0], [], "there are not as many lists as documents"),
        ([], [0, 1], [3], "there are not as many lists as documents"),
        ([0], [1, 1], [3], "there are not as many lists as documents"),
        ([0], [0, 2], [3], "the lists do not fit"),
        ([0, 3], [0, 0, 1], [3], "the lists do not fit"),
        ([0, 3], [0, 2, 1], [3], "the lists do not fit"),
        ([3, 0], [0, 1, 2], [0, 3], "documents are out of order"),
        ([0, 0], [0, 1, 2], [3, 3], "documents are out of order"),
        ([0], [0, 1], [6], "a document is named that does not exist"),
        ([0], [0, 1], [-1], "a document is named that does not exist"),
        ([7], [0, 1], [0], "a document is named that does not exist"),
        ([0], [0, 1], [0], "a document is linked to itself"),
        ([0], [0, 1], [1], "a document is linked to one of another language"),
    ],
)
def test_links_that_cannot_be_break_links(
    root: Path, docs: list[int], ptr: list[int], ends: list[int], words: str
) -> None:
    """Lists, documents and languages."""
    forge(root, own=links(docs, ptr, ends))

    assert_found(root, "links", words)


def test_article_without_words_that_is_gone_is_sound(root: Path) -> None:
    """It counted in no frequency."""
    forge(
        root,
        own={"gone": np.array([2], np.int32)},
        change=lambda plain: plain["counts"].update(articles=5),
    )

    assert verify_index(root).problems == ()
    assert Index.open(root).docs().tolist() == [0, 1, 3, 4, 5]


def test_article_that_is_gone_and_still_counts_breaks_statistics(root: Path) -> None:
    """Frequencies are of those that are left."""
    forge(
        root,
        own={"gone": np.array([3], np.int32)},
        change=lambda plain: plain["counts"].update(articles=5),
    )

    assert_found(root, "statistics", "document frequencies differ from those of the segments")


@pytest.mark.parametrize("gone", [[6], [-1], [2, 2], [4, 2], [2**31 - 1]])
def test_gone_articles_that_there_are_not_are_not_opened(root: Path, gone: list[int]) -> None:
    """Ascending, each once, and each an article of a segment."""
    forge(root, own={"gone": np.array(gone, np.int32)})

    with pytest.raises(DamagedIndexError, match=r"gone\.npy names documents that there are not"):
        Index.open(root, verify=False)
    assert verify_index(root).checks == ("files and digests",)


def test_numbers_of_terms_that_no_segment_has_are_not_opened(root: Path) -> None:
    """The first segment's are its own."""
    forge(root, own={"numbers": np.zeros(1, np.int32)})

    with pytest.raises(DamagedIndexError, match=r"numbers\.npy holds 1 numbers; expected 0"):
        Index.open(root, verify=False)


# --- any array, any byte ---


@hypothesis_settings(deadline=None, max_examples=35)
@given(data=st.data())
def test_any_forged_array_is_judged_without_an_exception(
    sound: Path, sound_common: Path, tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    """A random value in a random array: the audit ends with a verdict, and a true one."""
    root = tmp_path_factory.mktemp("forged") / "news"
    source = data.draw(st.sampled_from([sound, sound_common]))
    shutil.copytree(source, root, copy_function=shutil.copyfile)
    name = data.draw(st.sampled_from(sorted(ARRAY_TYPES)))
    array = read_array(root, name)
    if not len(array):
        return
    place = data.draw(st.integers(0, len(array) - 1))
    before = array[place]
    if array.dtype == np.float64:
        array[place] = data.draw(st.floats())
    else:
        info = np.iinfo(array.dtype)
        array[place] = data.draw(st.integers(int(info.min), int(info.max)) | st.integers(0, 9))
    is_judged = name != "idf_squared" or read_array(root, "df")[place] > 0
    forge(root, segment={name: array})

    result = verify_index(root)

    texts = ("terms.data", "forms.data", "ids.data", "urls.data", "cards.data", "languages")
    untold = (*texts, "published", "digests", "forms.offsets")
    if before != array[place] and name not in untold and is_judged:
        assert result.problems != () or name in ("urls.offsets", "cards.offsets")


@pytest.mark.parametrize(
    "keys", [[5, 4], [7, 7], [N_TERMS * 256, N_TERMS * 256 + 1], [-256, 0], [3, 4]]
)
def test_words_to_show_out_of_place_are_named(root: Path, keys: list[int]) -> None:
    """A language's own word belongs to a term of the index and to one of its languages."""
    words = StringColumn.from_strings(["a", "b"])
    index = with_arrays(Index.open(root), local_keys=np.array(keys, np.int64), local_forms=words)

    assert list(_run(_words, index))
