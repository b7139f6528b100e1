"""The audit: sound indexes pass, and each rule is seen to be broken when it alone is."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
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
from recommender.errors import NotAnIndexError
from recommender.index.check import Verification, _run, _words, verify_index
from recommender.index.reader import NO_DATE, Index
from recommender.index.segment import ARRAY_TYPES
from recommender.weighting import WeightSettings
from tests.index.forging import forge, generation_folder, read_array, segment_folder
from tests.index.making import corpus_of, index_of

ROWS = [{0: 1, 2: 5, 9: 1}, {1: 1, 2: 1}, {}, {0: 3, 1: 300, 299: 1}, {2: 1, 3: 9}, {2: 2}]
N_TERMS = 300

RULES = (
    "files and digests",
    "counts agree",
    "strings",
    "layout of the rows",
    "postings",
    "rows equal postings",
    "lengths",
    "keys",
    "documents",
    "words to show",
)


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
    assert result.files == len(ARRAY_TYPES) + 2


def test_forged_without_a_change_has_no_problems(root: Path) -> None:
    """The forger's own hand leaves no trace: what is found below is the change alone."""
    forge(root, segment={"published": read_array(root, "published")})

    assert verify_index(root).problems == ()


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


def test_directory_of_other_length_breaks_counts_agree(root: Path) -> None:
    """One pointer a term, and one more."""
    forge(root, segment={"postings.entry_ptr": read_array(root, "postings.entry_ptr")[:-1]})

    assert_found(root, "counts agree", "directory has 300 entries, expected 301")


@pytest.mark.parametrize(("name", "n"), [("df", 300), ("norms", 6)])
def test_statistics_of_other_length_break_counts_agree(root: Path, name: str, n: int) -> None:
    """The loops index by term and by article without looking."""
    array = np.load(generation_folder(root) / f"{name}.npy")
    forge(root, own={name: array[: n // 2]})

    result = verify_index(root)

    assert broken_rules(result) == ["counts agree"]
    assert f"{name} has {n // 2} entries, expected {n}" in result.problems[0]


@pytest.mark.parametrize("name", ["articles", "terms", "postings"])
def test_count_of_the_manifest_breaks_counts_agree(root: Path, name: str) -> None:
    """What people read in the manifest is what is there."""
    forge(root, change=lambda plain: plain["counts"].update({name: 12345}))

    assert_found(root, "counts agree", f"{name} of the manifest has 12,345 entries")


def test_count_missing_from_the_manifest_is_a_finding(root: Path) -> None:
    """Not an exception."""
    forge(root, change=lambda plain: plain.update(counts={}))

    assert_found(root, "counts agree", "cannot be read")


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
    "backwards": lambda p: np.array([p[0], p[2], p[1], *p[3:]], np.int64),
    "not from zero": lambda p: np.array([1, *p[1:]], np.int64),
    "negative": lambda p: np.array([-(2**50), *p[1:]], np.int64),
    "past the end": lambda p: np.array([*p[:-1], p[-1] + 2], np.int64),
    "far past the end": lambda p: np.array([p[0], *([2**55] * (len(p) - 2)), p[-1]], np.int64),
    "inside an entry": lambda p: np.array([p[0], p[1] - 1, *p[2:]], np.int64),
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
    packed[-2:] = 0x80
    forge(root, segment={"rows.packed": packed})

    assert_found(root, "layout of the rows", "pointers of the rows do not fit")


def test_term_that_does_not_exist_breaks_the_layout(root: Path) -> None:
    """A row names only terms of the vocabulary."""
    pointers = read_array(root, "rows.row_ptr")
    packed = read_array(root, "rows.packed")
    start = int(pointers[0])
    assert pointers[1] - start >= 3
    packed[start : start + 2] = 0xFF, 0x7F  # 16,383
    pointers_of_one_entry = pointers.copy()
    packed[start + 2 : pointers[1]] = 1
    shorter = np.concatenate([packed[: start + 3], packed[pointers[1] :]])
    pointers_of_one_entry[1:] -= int(pointers[1]) - start - 3
    forge(root, segment={"rows.packed": shorter, "rows.row_ptr": pointers_of_one_entry})

    assert_found(root, "layout of the rows", "a row names a term that does not exist")


def test_code_changed_in_a_row_breaks_rows_equal_postings(root: Path) -> None:
    """The count says one thing by article and another by term; the length is off too."""
    packed = read_array(root, "rows.packed")
    packed[1] += 1
    forge(root, segment={"rows.packed": packed})

    result = verify_index(root)

    assert broken_rules(result) == ["rows equal postings", "lengths"]
    assert "postings and rows disagree (codes)" in result.problems[0]


@pytest.mark.parametrize("name", ["bases", "entry_ptr"])
def test_pointers_of_postings_that_run_backwards_break_postings(root: Path, name: str) -> None:
    """The rule names it; the rebuilt directory sees it as well."""
    pointers = read_array(root, f"postings.{name}")
    pointers[0] = pointers[1] + 1
    forge(root, segment={f"postings.{name}": pointers})

    result = verify_index(root)

    assert broken_rules(result) == ["postings", "rows equal postings"]
    assert result.problems[0] == "postings: pointers run backwards"
    assert f"({name})" in result.problems[1]


def test_fewer_postings_than_the_windows_say_break_postings(root: Path) -> None:
    """The last one is missing from both arrays."""
    arrays = {f"postings.{n}": read_array(root, f"postings.{n}")[:-1] for n in ("docs", "codes")}
    n = len(arrays["postings.docs"])
    forge(root, segment=arrays, change=lambda plain: plain["counts"].update(postings=n))

    result = verify_index(root)

    assert broken_rules(result) == ["postings", "rows equal postings"]
    assert "there are not as many postings as the windows say" in result.problems[0]


def test_posting_that_counts_nothing_breaks_postings(root: Path) -> None:
    """Code 0 is never stored."""
    codes = read_array(root, "postings.codes")
    codes[3] = 0
    forge(root, segment={"postings.codes": codes})

    result = verify_index(root)

    assert broken_rules(result) == ["postings", "rows equal postings"]
    assert result.problems[0] == "postings: a posting counts nothing"


def test_document_frequency_that_differs_breaks_postings(root: Path) -> None:
    """It decides every weight, so the lengths do not fit either."""
    df = np.load(generation_folder(root) / "df.npy")
    df[0] -= 1
    forge(root, own={"df": df})

    result = verify_index(root)

    assert broken_rules(result) == ["postings", "lengths"]
    assert "document frequencies differ from the postings" in result.problems[0]


@pytest.mark.parametrize("name", ["docs", "codes", "entry_windows", "entry_starts", "entry_counts"])
def test_array_of_postings_that_differs_from_the_rows_is_named(root: Path, name: str) -> None:
    """The postings can be made again from the rows, and must be the same."""
    array = read_array(root, f"postings.{name}")
    array[-1] += 1
    forge(root, segment={f"postings.{name}": array})

    result = verify_index(root)

    assert "rows equal postings" in broken_rules(result)
    assert set(broken_rules(result)) <= {"postings", "rows equal postings"}
    assert any(f"postings and rows disagree ({name})" in p for p in result.problems)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf, "next"])
def test_stored_length_that_is_off_breaks_lengths(root: Path, value: float | str) -> None:
    """Even by the last bit."""
    norms = np.load(generation_folder(root) / "norms.npy")
    norms[1] = np.nextafter(norms[1], 2.0) if value == "next" else value
    forge(root, own={"norms": norms})

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


def test_article_id_that_stands_twice_breaks_keys(root: Path) -> None:
    """The second article could never be asked for."""
    forge(root, segment=_ids(["a0", "a1", "a1", "a3", "a4", "a5"]))

    assert_found(root, "keys", "an article id stands twice")


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


# --- any array, any byte ---


@hypothesis_settings(deadline=None, max_examples=35)
@given(data=st.data())
def test_any_forged_array_is_judged_without_an_exception(
    sound: Path, tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    """A random value in a random array: the audit ends with a verdict, and a true one."""
    root = tmp_path_factory.mktemp("forged") / "news"
    shutil.copytree(sound, root, copy_function=shutil.copyfile)
    name = data.draw(st.sampled_from(sorted(ARRAY_TYPES)))
    array = read_array(root, name)
    if not len(array):
        return
    place = data.draw(st.integers(0, len(array) - 1))
    info = np.iinfo(array.dtype)
    before = int(array[place])
    array[place] = data.draw(st.integers(int(info.min), int(info.max)) | st.integers(0, 9))
    forge(root, segment={name: array})

    result = verify_index(root)

    texts = ("terms.data", "forms.data", "ids.data", "urls.data", "cards.data", "languages")
    if before != int(array[place]) and name not in (*texts, "published", "forms.offsets"):
        assert result.problems != () or name in ("urls.offsets", "cards.offsets")


@pytest.mark.parametrize(
    "keys", [[5, 4], [7, 7], [N_TERMS * 256, N_TERMS * 256 + 1], [-256, 0], [3, 4]]
)
def test_words_to_show_out_of_place_are_named(root: Path, keys: list[int]) -> None:
    """A language's own word belongs to a term of the index and to one of its languages."""
    index = Index.open(root)
    words = StringColumn.from_strings(["a", "b"])
    segment = replace(index.segment, local_keys=np.array(keys, np.int64), local_forms=words)

    assert list(_run(_words, replace(index, segment=segment)))
