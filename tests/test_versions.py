"""Generations: listing, going back to each with the very same answers, clearing away, comparing."""

from __future__ import annotations

import gc
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from recommender import Recommender, build_index
from recommender.article import to_json
from recommender.errors import (
    DamagedIndexError,
    IncompatibleIndexError,
    IndexLockedError,
    InputError,
    NotAnIndexError,
    StorageError,
)
from recommender.export import related_rows
from recommender.index.manifest import (
    current,
    generations,
    make_live,
    read_manifest,
    segments,
    writer_lock,
)
from recommender.index.reader import Index
from recommender.index.settings import GenerationSettings
from recommender.versions import clear_away, compare, list_versions, roll_back
from tests.index.forging import change_manifest
from tests.index.making import corpus_of, index_of

Record = dict[str, Any]
SIZES = (100, 112, 124, 136, 144)


@pytest.fixture(scope="module")
def records(sample: Path) -> list[Record]:
    """The bundled articles."""
    lines = (sample / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def answers(root: Path) -> bytes:
    """Everything an index answers, as bytes: all lists, a block with reasons, a draft's."""
    model = Recommender.open(root)
    draft = model.related_to_text("Міст через Остру", "На опорі мосту знайшли тріщину", lang="uk")
    block = model.related("sc-en-0002", explain=True)
    found = [list(related_rows(model)), to_json(block.cards), to_json(draft.cards)]
    return json.dumps(found, ensure_ascii=False).encode()


@pytest.fixture(scope="module")
def published(
    records: list[Record], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[int, bytes]]:
    """Five generations, and what each answered when it was live."""
    root = tmp_path_factory.mktemp("published") / "news"
    found = {}
    for size in SIZES:
        generation = build_index(records[:size], root).generation
        found[generation] = answers(root)
    assert len(set(found.values())) == len(SIZES)
    return root, found


@pytest.fixture
def root(published: tuple[Path, dict[int, bytes]], tmp_path: Path) -> Path:
    """A copy to change."""
    shutil.copytree(published[0], tmp_path / "news")
    return tmp_path / "news"


def names(root: Path) -> list[str]:
    """Everything in a folder but the lock."""
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.name != "LOCK")


# --- listing ---


def test_versions_are_listed_newest_first(root: Path) -> None:
    """Number, origin, size and state of each."""
    reader = Index.open(root, generation=2)

    found = list_versions(root)

    assert [5, 4, 3, 2, 1] == [v.generation for v in found]
    assert [True, False, False, False, False] == [v.is_live for v in found]
    assert [2] == [v.generation for v in found if v.is_held]
    assert [4, 3, 2, 1, None] == [v.parent for v in found]
    assert list(reversed(SIZES)) == [v.articles for v in found]
    assert {"build"} == {v.change["kind"] for v in found}
    assert not any(v.problem or v.forced or v.shared_bytes for v in found)
    on_disk = sum(p.stat().st_size for p in root.glob("*/*/*.npy"))
    on_disk += sum(p.stat().st_size for p in root.glob("gen-*/*.npy"))
    assert on_disk == sum(v.own_bytes for v in found)
    del reader


def test_versions_of_the_same_articles_share_their_bytes(
    records: list[Record], tmp_path: Path
) -> None:
    """What two name is not the own of either."""
    build_index(records[:30], tmp_path)
    build_index(records[:30], tmp_path)

    second, first = list_versions(tmp_path)

    assert first.shared_bytes == second.shared_bytes > first.own_bytes > 0


def test_versions_show_the_change_that_the_report_names(root: Path) -> None:
    """What an update writes of itself is shown as it is."""
    change = {"kind": "add", "added": 3}
    change_manifest(root, lambda plain: plain["report"].update(change=change, forced=True))

    newest = list_versions(root)[0]

    assert (change, True) == (newest.change, newest.forced)


def test_versions_damaged_ones_are_listed_with_the_problem(root: Path) -> None:
    """A manifest that is none, a segment that is cut, a pointer with rubbish."""
    (root / "gen-00000002" / "manifest.json").write_text("{", encoding="utf-8")
    (name,) = read_manifest(root, 4).segments
    (root / "segments" / name / "ids.data.npy").write_bytes(b"x")
    (root / "CURRENT").write_text("rubbish", encoding="utf-8")

    found = {v.generation: v for v in list_versions(root)}

    assert "manifest.json" in found[2].problem
    assert "ids.data.npy has 1 bytes" in found[4].problem
    assert (None, None) == (found[2].articles, found[2].package)
    assert found[2].own_bytes > 0
    assert ["", "", ""] == [found[n].problem for n in (1, 3, 5)]
    assert not any(v.is_live for v in found.values())


@pytest.mark.parametrize("call", [list_versions, roll_back, clear_away, compare])
def test_folder_without_an_index_is_named_and_not_made(tmp_path: Path, call: Any) -> None:
    """No lock, no folder appears."""
    with pytest.raises(NotAnIndexError, match="holds no index"):
        call(tmp_path / "nothing")

    assert [] == list(tmp_path.iterdir())


# --- going back ---


def test_rollback_to_each_generation_gives_its_answers_again(
    root: Path, published: tuple[Path, dict[int, bytes]]
) -> None:
    """Byte by byte, back and forth, each in under a second."""
    for target in (1, 4, 2, 5, 3, 1, 5):
        started = time.perf_counter()
        done = roll_back(root, target)
        seconds = time.perf_counter() - started

        assert target == done.live == current(root)
        assert SIZES[target - 1] == done.articles
        assert published[1][target] == answers(root)
        assert seconds < 1.0


def test_rollback_by_default_goes_to_the_parent(root: Path, records: list[Record]) -> None:
    """To what was live before, which is not always the number before."""
    assert (4, 5) == (roll_back(root).live, roll_back(root, 5).live)
    roll_back(root, 2)
    assert 6 == build_index(records[:110], root).generation

    assert 2 == roll_back(root).live
    assert 1 == roll_back(root).live
    with pytest.raises(InputError, match=r"than the live one, 1\. Kept: 1, 2, 3, 4, 5, 6"):
        roll_back(root)


def test_rollback_whose_parent_is_gone_goes_to_the_next_older(root: Path) -> None:
    """Or where the live one's manifest is damaged and nobody knows the parent."""
    shutil.rmtree(root / "gen-00000004")
    assert 3 == roll_back(root).live

    (root / "gen-00000003" / "manifest.json").write_text("{", encoding="utf-8")
    assert 2 == roll_back(root).live


def test_build_after_a_rollback_takes_a_new_number(root: Path, records: list[Record]) -> None:
    """Above all that there are; its parent is the one that was live."""
    roll_back(root, 1)

    report = build_index(records[:120], root)

    assert 6 == report.generation == current(root)
    assert 1 == read_manifest(root, 6).parent
    assert 1 == report.gate.compared_with


def test_rollback_to_the_live_one_moves_nothing(root: Path) -> None:
    """It is checked, that is all."""
    before = (root / "CURRENT").stat()

    done = roll_back(root, 5)

    assert (5, 5) == (done.live, done.before)
    assert before.st_ino == (root / "CURRENT").stat().st_ino


@pytest.mark.parametrize("number", [0, 6, -1, 10**12])
def test_rollback_to_no_generation_lists_those_there_are(root: Path, number: int) -> None:
    """And nothing moves."""
    with pytest.raises(InputError, match=f"no generation {number} of .* Kept: 1, 2, 3, 4, 5"):
        roll_back(root, number)

    assert 5 == current(root)


@pytest.mark.parametrize("damage", ["manifest", "own file", "segment", "flipped bit"])
def test_rollback_to_a_damaged_generation_is_refused(root: Path, damage: str) -> None:
    """What is wrong is named; what was live stays."""
    (name,) = read_manifest(root, 2).segments
    place = {
        "manifest": root / "gen-00000002" / "manifest.json",
        "own file": root / "gen-00000002" / "df.npy",
        "segment": root / "segments" / name / "rows.packed.npy",
        "flipped bit": root / "segments" / name / "rows.packed.npy",
    }[damage]
    content = bytearray(place.read_bytes())
    content[-1] ^= 1
    place.write_bytes(content if damage == "flipped bit" else content[:-3])

    with pytest.raises(DamagedIndexError, match="Nothing was moved, generation 5 stays live"):
        roll_back(root, 2)

    assert 5 == current(root)


def test_rollback_to_another_text_analysis_is_refused(root: Path) -> None:
    """Readers with this package would refuse it."""
    make_live(root, 2)
    change_manifest(root, lambda plain: plain.update(analysis="0" * 64))
    make_live(root, 5)

    with pytest.raises(IncompatibleIndexError, match=r"another text analysis.*Nothing was moved"):
        roll_back(root, 2)

    assert 5 == current(root)


def test_rollback_over_a_pointer_with_rubbish_needs_a_number(root: Path) -> None:
    """It is the way to mend the pointer."""
    (root / "CURRENT").write_text("rubbish", encoding="utf-8")
    with pytest.raises(DamagedIndexError, match="name one of those that are kept: 1, 2, 3, 4, 5"):
        roll_back(root)

    done = roll_back(root, 3)

    assert (3, None, 3) == (done.live, done.before, current(root))


def test_reader_keeps_its_generation_through_rollback_and_clean_up(
    root: Path, published: tuple[Path, dict[int, bytes]]
) -> None:
    """An open index answers as before, whatever happens to the pointer."""
    reader = Recommender.open(root)
    roll_back(root, 2)
    clear_away(root, GenerationSettings(keep=1, grace="0"))

    assert [1, 2, 5] == generations(root)  # the live one, the one it came from, the newest
    lists = json.dumps(list(related_rows(reader)), ensure_ascii=False).encode()
    assert lists in published[1][5]


# --- writers and folders ---


@pytest.mark.parametrize("call", [roll_back, clear_away])
def test_writers_do_not_race(root: Path, call: Any) -> None:
    """While another writes, exit code 6 and nothing moves; a dry run and readers need no lock."""
    before = names(root)
    with writer_lock(root):
        with pytest.raises(IndexLockedError) as caught:
            call(root)
        clear_away(root, dry_run=True)
        list_versions(root)

    assert 6 == caught.value.exit_code
    assert (5, before) == (current(root), names(root))


@pytest.mark.parametrize("call", [roll_back, clear_away])
def test_folder_by_another_name_has_the_same_lock(root: Path, call: Any) -> None:
    """A link to it, a path through another folder."""
    link = root.parent / "link"
    link.symlink_to(root, target_is_directory=True)
    for other in (link, root.parent / "news" / ".." / "news", link / "."):
        with writer_lock(root), pytest.raises(IndexLockedError):
            call(other)
        with writer_lock(other), pytest.raises(IndexLockedError):
            call(root)

    assert 4 == roll_back(link).live == current(root)
    assert link.is_symlink()


def test_pointer_that_cannot_be_written_is_a_storage_error(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only file system: exit code 7, and the old one stays live."""

    def refused(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("recommender.index.manifest.replace_text", refused)
    with pytest.raises(StorageError, match="Read-only file system") as caught:
        roll_back(root, 3)

    assert (7, 5) == (caught.value.exit_code, current(root))


# --- clearing away ---


def test_clear_away_removes_the_oldest_and_tells(root: Path) -> None:
    """The live one, its parent and those held never; a dry run says the same and does nothing."""
    reader = Index.open(root, generation=1)
    rules = GenerationSettings(keep=1, grace="0")
    before = names(root)

    told = clear_away(root, rules, dry_run=True)

    assert before == names(root)
    assert told == clear_away(root, rules)
    assert ((2, 3), (1,), (1, 4, 5)) == (told.generations, told.held, told.kept)
    assert 3 == len(segments(root))
    del reader
    gc.collect()
    assert (1,) == clear_away(root, rules).generations


def test_clear_away_by_default_keeps_ten_and_what_is_recent(root: Path) -> None:
    """Five of them, just copied: nothing goes."""
    assert ((), (1, 2, 3, 4, 5)) == (clear_away(root).generations, clear_away(root).kept)
    recent = clear_away(root, GenerationSettings(keep=1, grace="1w"))
    assert (1, 2, 3) == recent.recent


# --- comparing ---


def test_compare_generation_with_itself_is_all_zero(root: Path) -> None:
    """Nothing added, nothing moved, everything in both."""
    found = compare(root, 3, 3)

    assert (0, 0, 0, 0, 0, 0) == (
        found.added,
        found.removed,
        found.changed,
        found.blocks_changed,
        found.lost_all,
        found.gained_first,
    )
    assert (0.0, 1.0, ()) == (found.share_changed, found.mean_overlap, found.examples)
    assert SIZES[2] == found.compared == found.shared


def test_compare_by_default_is_parent_and_live(root: Path) -> None:
    """With plain lists as the oracle."""
    found = compare(root, limit=4)
    plain: dict[str, Any] = {"preset": "similarity", "smoothing": 0.0, "crowding": 0.0}

    old, new = (
        {r["id"]: r["related"] for r in related_rows(Recommender(index), limit=4, **plain)}
        for index in (Index.open(root, generation=4), Index.open(root, generation=5))
    )
    moved = [key for key in old if old[key] != new[key]]
    overlaps = [len({*old[k]} & {*new[k]}) / max(1, len(old[k]), len(new[k])) for k in old]
    assert (4, 5) == (found.older, found.newer)
    assert (8, 0, 136) == (found.added, found.removed, found.compared)
    assert len(moved) == found.blocks_changed > 0
    assert found.mean_overlap == pytest.approx(sum(overlaps) / len(overlaps), abs=1e-4)
    assert [e.overlap for e in found.examples] == sorted(e.overlap for e in found.examples)
    for example in found.examples:
        assert {*old[example.id]} - {*new[example.id]} == {key for key, _ in example.lost}
        assert {*new[example.id]} - {*old[example.id]} == {key for key, _ in example.gained}


def test_compare_counts_cards_lost_and_gained(tmp_path: Path) -> None:
    """An article alone has no card; with a neighbour it has its first."""
    index_of(tmp_path, corpus_of([{0: 1}, {0: 1}, {1: 1}], n_terms=3))
    index_of(tmp_path, corpus_of([{0: 1}, {1: 1}, {1: 1}], n_terms=3))

    found = compare(tmp_path)

    assert (1, 1) == (found.lost_all, found.gained_first)
    assert (3, 1.0, 0.0) == (found.blocks_changed, found.share_changed, found.mean_overlap)


def test_compare_sees_changed_cards(records: list[Record], tmp_path: Path) -> None:
    """Same id, another title."""
    build_index(records[:30], tmp_path)
    build_index([{**records[0], "title": "Інша назва"}, *records[1:30]], tmp_path)

    assert 1 == compare(tmp_path).changed


def test_compare_of_many_takes_an_even_sample(root: Path) -> None:
    """So many as are asked for, the same in every run."""
    found = compare(root, 1, 5, most=20)

    assert (20, 100) == (found.compared, found.shared)
    assert found == compare(root, 1, 5, most=20)


def test_compare_needs_generations_that_are_there(root: Path) -> None:
    """Unknown numbers and samples of none are named."""
    with pytest.raises(InputError, match="no generation 9 of"):
        compare(root, 9)
    with pytest.raises(InputError, match="no generation 8 of"):
        compare(root, 1, 8)
    with pytest.raises(InputError, match="sample is 0"):
        compare(root, most=0)
    with pytest.raises(InputError, match="limit is 0"):
        compare(root, limit=0)
