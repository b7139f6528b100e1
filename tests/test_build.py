"""Building: same input, same index; nothing good lost; nothing half published."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recommender
from recommender import Article, Config, Rejections, build_index
from recommender.config import FieldSettings
from recommender.errors import ConfigError, InputError, TooManyRejectionsError
from recommender.estimate import estimate
from recommender.index.manifest import current, read_manifest
from recommender.text.passages import BoilerplateSettings


def records(sample: Path) -> list[dict[str, Any]]:
    """Return the bundled articles."""
    lines = (sample / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def digests(model: Path) -> Any:
    """Return the digests of all files of the live generation."""
    manifest = read_manifest(model, current(model))
    return manifest.segments, manifest.files


def test_report_counts_add_up(sample: Path, tmp_path: Path) -> None:
    """Every article read is kept, replaced or rejected with a reason."""
    source = [*records(sample), {"id": "", "title": "x"}, {"id": "empty"}, records(sample)[0]]

    report = build_index(source, tmp_path)

    assert len(records(sample)) == report.kept
    assert len(source) == report.read
    assert {"empty-text": 1, "missing-id": 1} == dict(report.rejected)
    assert report.notices["replaced-by-later-version"] == 1
    assert sum(report.languages.values()) == report.kept


def test_build_any_order_of_input_gives_the_same_bytes(sample: Path, tmp_path: Path) -> None:
    """Shuffled input, the same files."""
    shuffled = records(sample)
    random.Random(5).shuffle(shuffled)

    build_index(records(sample), tmp_path / "a")
    build_index(shuffled, tmp_path / "b")

    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_build_any_number_of_workers_gives_the_same_bytes(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One worker and two, one chunk and many: the same files."""
    build_index(records(sample), tmp_path / "a")
    monkeypatch.setattr("recommender.counting.CHUNK_BYTES", 10_000)
    monkeypatch.setattr("recommender.text.counter._FIRST_BYTES", (1_000, 2_000, 4_000))
    build_index(records(sample), tmp_path / "b", jobs=2)

    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_later_version_of_an_article_stands(tmp_path: Path) -> None:
    """Of two versions the later updated_at stands, in whichever order they come; else the last."""
    old = {"id": "1", "title": "Old bridge", "updated_at": "2026-03-01T10:00:00Z"}
    new = {"id": "1", "title": "New bridge", "updated_at": "2026-03-02T10:00:00Z"}
    plain = [{"id": "2", "title": "First read"}, {"id": "2", "title": "Read last"}]
    for place, source in enumerate(([old, new, *plain], [new, old, *plain])):
        model = recommender.build(source, tmp_path / str(place))

        assert model.index.n_docs == 2
        assert {model.index.card(d)["title"] for d in range(2)} == {"New bridge", "Read last"}


def test_documents_stand_in_publishing_order(news: recommender.Recommender) -> None:
    """Document numbers follow time, so that a horizon is a range."""
    published = news.index.parts[0].segment.published

    assert (published[1:] >= published[:-1]).all()


def test_generator_is_read_once_and_lazily(sample: Path, tmp_path: Path) -> None:
    """Any iterable is a source; it need not fit memory."""

    def stream() -> Iterator[dict[str, Any]]:
        yield from records(sample)

    assert build_index(stream(), tmp_path).kept == len(records(sample))


def test_boilerplate_of_the_site_is_found_and_not_counted(
    news: recommender.Recommender, sample: Path, tmp_path: Path
) -> None:
    """Sentences that recur all over the site are named and give no reason for a card."""
    found = " ".join(b["text"] for b in news.index.manifest.boilerplate)
    truth = (sample / "expected.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in truth]
    recurring = [text for _, kind, text in rows if kind == "boilerplate"]
    config = Config(boilerplate=BoilerplateSettings(enabled=False))
    with_it = recommender.build(records(sample), tmp_path, config=config)

    assert recurring
    hits = sum(text[:40] in found for text in set(recurring))
    assert hits / len(set(recurring)) > 0.7
    assert with_it.index.manifest.boilerplate == ()


def test_empty_source_is_an_error_and_leaves_no_folder(tmp_path: Path) -> None:
    """Nothing to index: said so, and nothing is written."""
    with pytest.raises(InputError, match="no article"):
        build_index([], tmp_path / "new")

    assert not (tmp_path / "new").exists()


def test_source_of_only_bad_articles_names_the_reasons(tmp_path: Path) -> None:
    """The message counts the reasons and shows examples."""
    with pytest.raises(InputError, match="2 missing-id"):
        build_index([{"title": "a"}, {"title": "b"}], tmp_path / "new")


def test_too_many_errors_publish_nothing(sample: Path, tmp_path: Path) -> None:
    """Past max_errors the index that was there stays as it is."""
    build_index(records(sample), tmp_path)
    before = current(tmp_path)
    bad = [*records(sample), *({"title": "no id"} for _ in range(5))]
    with pytest.raises(TooManyRejectionsError), Rejections(max_errors=3) as rejections:
        build_index(bad, tmp_path, rejections=rejections)

    assert before == current(tmp_path)
    assert {"CURRENT", "LOCK", "segments", "gen-00000001"} == {p.name for p in tmp_path.iterdir()}


def test_failing_source_leaves_the_old_index(sample: Path, tmp_path: Path) -> None:
    """An exception of the caller's iterator passes through; the index stays."""
    build_index(records(sample), tmp_path)

    def broken() -> Iterator[dict[str, Any]]:
        yield records(sample)[0]
        raise ConnectionError("database went away")

    with pytest.raises(ConnectionError, match="went away"):
        build_index(broken(), tmp_path)

    assert recommender.open(tmp_path).index.n_docs == len(records(sample))


def test_article_of_one_word_alone_builds_and_answers(tmp_path: Path) -> None:
    """A corpus of one article has an empty block."""
    model = recommender.build([{"id": "1", "title": "Погода"}], tmp_path)

    assert model.related("1").cards == ()


def test_article_of_stop_words_only_is_kept(tmp_path: Path) -> None:
    """An article without a single term is in the index, and nothing is like it."""
    rows = [{"id": "1", "title": "The and of"}, {"id": "2", "title": "Bridge"}]
    model = recommender.build(rows, tmp_path)

    assert model.related("1", fallback="none").cards == ()
    assert model.index.n_docs == 2


def test_surrogates_and_nul_bytes_do_not_stop_a_build(tmp_path: Path) -> None:
    """Broken characters are mended and counted."""
    rows = [{"id": "a\ud800", "title": "Br\0idge \udfff closed"}, {"id": "b", "title": "Bridge"}]

    report = build_index(rows, tmp_path)

    assert report.kept == 2
    assert recommender.open(tmp_path).related("b").cards[0].score > 0


def test_field_settings_change_the_weights(sample: Path, tmp_path: Path) -> None:
    """The settings of a build are stored, and drafts follow them."""
    config = Config(fields=FieldSettings(title=1, lead=0, body=0, caption=0, tags=0))
    model = recommender.build(records(sample), tmp_path, config=config)
    first = records(sample)[0]
    asked: dict[str, Any] = {"preset": "similarity", "smoothing": 0.0, "crowding": 0.0}
    draft = model.related_to_text(first["title"], lang=first["lang"], **asked)

    assert model.index.manifest.settings["fields"]["body"] == 0
    assert draft.cards[0].score == pytest.approx(1.0)


@pytest.mark.parametrize("jobs", [0, -2])
def test_impossible_jobs_is_named(tmp_path: Path, jobs: int) -> None:
    """A number of workers that cannot be is refused before work begins."""
    with pytest.raises(ConfigError, match=str(jobs)):
        build_index([{"id": "1", "title": "x"}], tmp_path, jobs=jobs)


def test_progress_tells_of_every_step(sample: Path, tmp_path: Path) -> None:
    """The steps are told in order, and counting ends at the number of articles."""
    told: list[tuple[str, int, int | None]] = []

    build_index(records(sample), tmp_path, progress=lambda *args: told.append(args))

    assert ["read", "count", "write", "neighbours"] == list(
        dict.fromkeys(step for step, _, _ in told)
    )
    assert ("count", len(records(sample)), len(records(sample))) in told


def test_estimate_is_silent_for_little_and_speaks_for_much(tmp_path: Path) -> None:
    """A big source is announced with time, memory and disk; a small one is not."""
    (tmp_path / "small.jsonl").write_bytes(b"{}")
    with (tmp_path / "big.jsonl").open("wb") as file:
        file.truncate(200_000_000)

    guess = estimate([tmp_path / "big.jsonl"])

    assert estimate([tmp_path / "small.jsonl", "-"]) is None
    assert guess is not None
    assert all(value > 0 for value in dataclasses.astuple(guess))


def test_language_without_word_rules_is_built_and_named(tmp_path: Path) -> None:
    """A script without spaces is searched by pairs of characters, and the report says so."""
    rows = [
        {"id": "1", "title": "東京で地震が発生した", "lang": "ja"},
        {"id": "2", "title": "東京の地震で津波の心配はない", "lang": "ja"},
        {"id": "3", "title": "大阪で花火大会", "lang": "ja"},
    ]

    report = build_index(rows, tmp_path)

    assert {"ja": 3} == dict(report.without_rules)
    assert recommender.open(tmp_path).related("1").cards[0].id == "2"


def test_values_without_a_json_form_are_kept_as_text(tmp_path: Path) -> None:
    """A caller's own extra values never end a build."""
    article = Article(id="1", title="Bridge", extra={"views": np.int64(3), "kinds": {"b", "a"}})

    build_index([article], tmp_path)

    card = recommender.open(tmp_path).index.card(0)
    assert {"views": 3, "kinds": ["a", "b"]} == card["extra"]


def test_folder_that_was_there_stays_after_a_failed_build(tmp_path: Path) -> None:
    """A folder made by somebody else, and files in it, are not ours to remove."""
    (tmp_path / "tmp-notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError):
        build_index([], tmp_path)
    build_index([{"id": "1", "title": "Bridge"}], tmp_path)

    assert (tmp_path / "tmp-notes.txt").read_text(encoding="utf-8") == "mine"


def test_boilerplate_is_written_alike_in_any_order(tmp_path: Path) -> None:
    """Of two spellings of one passage the same is shown, whichever was read first."""
    notice = "All rights to the photographs on this page belong to their authors."
    rows = [
        {"id": str(i), "title": f"Story {i}", "body": notice.upper() if i % 2 else notice}
        for i in range(20)
    ]
    build_index(rows, tmp_path / "a")
    build_index(rows[::-1], tmp_path / "b")

    one, other = (recommender.open(tmp_path / name).index.manifest for name in "ab")
    assert one.boilerplate == other.boilerplate != ()


def test_build_of_more_postings_than_an_index_holds_is_refused_before_all_is_counted(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first chunk it is clear where the rest leads to; nothing is published."""
    monkeypatch.setattr("recommender.counting.CHUNK_BYTES", 10_000)
    monkeypatch.setattr("recommender.counting.MAX_POSTINGS", 2_000)
    told: list[tuple[str, int, int | None]] = []

    with pytest.raises(InputError, match="at that rate there would be far more than the 2,000"):
        build_index(records(sample), tmp_path / "news", progress=lambda *args: told.append(args))

    assert not [done for step, done, _ in told if step == "count"]
    assert not (tmp_path / "news").exists()
