"""A build that goes on with an interrupted one makes the same bytes, wherever that was."""

from __future__ import annotations

import dataclasses
import gzip
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from recommender import Config, Rejections, build_index, read_articles
from recommender._disk import using
from recommender._files import keep_work, kept_work
from recommender.cli import main
from recommender.errors import InputError, StorageError
from recommender.index.manifest import current, read_manifest, writer_lock
from recommender.ingest.settings import IngestSettings
from recommender.ingest.sources import Place
from recommender.kept import plan_of
from recommender.weighting import WeightSettings
from tests.disks import CrashingDisk, FailingDisk, ProcessGone, RecordingDisk, SteppedDisk
from tests.faults.power import BYTES, NAMES, Machine, write_image

ROOT = Path(__file__).parents[1]
EVERY = 5  # articles between checkpoints


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints, shards and runs of neighbours of a few articles."""
    monkeypatch.setattr("recommender.corpus.CHECKPOINT_ARTICLES", EVERY)
    monkeypatch.setattr("recommender.counting.CHUNK_BYTES", 3_000)
    monkeypatch.setattr("recommender.counting.SHARD_CHUNKS", 2)
    monkeypatch.setattr("recommender.neighbours._RUN", 8)


@pytest.fixture
def seed() -> int:
    """Where chance begins; RECOMMENDER_FAULT_SEED plays a failure again."""
    return int(os.environ.get("RECOMMENDER_FAULT_SEED", random.SystemRandom().randrange(10**6)))


@pytest.fixture(scope="module")
def rows(sample: Path) -> list[Any]:
    """Eight articles of each language, and all that is counted on the way."""
    lines = (sample / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    whole = [json.loads(line) for line in lines]
    by_language = [[r for r in whole if r["lang"] == lang][:8] for lang in ("uk", "ru", "en")]
    mixed: list[Any] = [
        {**row, "body": row["body"][:600]}
        for three in zip(*by_language, strict=True)
        for row in three
    ]
    told = {k: v for k, v in mixed[4].items() if k != "lang"}
    newer = {
        **mixed[1],
        "title": "Newer \ud800 version",
        "updated_at": "2031-05-06T07:08:09.123+02:00",
    }
    older = {**mixed[1], "title": "Older version", "updated_at": "2001-05-06T07:08:09Z"}
    odd: list[Any] = [
        {"title": "no id"},
        told,
        17,
        newer,
        {"id": "empty"},
        older,
        {"id": "x", "title": "Ой"},
    ]
    for place, row in zip(range(2, 99, 4), odd, strict=False):
        mixed.insert(place, row)
    return mixed


@pytest.fixture
def source(rows: list[Any], tmp_path: Path) -> Path:
    """The articles in a file, with a broken line."""
    path = tmp_path / "articles.jsonl"
    lines = [json.dumps(row) for row in rows]
    path.write_text("\n".join([*lines[:9], '{"id": "broken', *lines[9:]]), encoding="utf-8")
    return path


@dataclasses.dataclass(frozen=True)
class Made:
    """What a build leaves: digests of the index, what the manifest says, what was rejected."""

    files: Mapping[str, Any]
    manifest: Mapping[str, Any]
    rejected: Mapping[str, Any]
    quarantine: bytes
    names: frozenset[str]


def build(source: Any, root: Path, *, resume: bool = False, **more: Any) -> tuple[list[str], Made]:
    """Build and return what was told, and what was made."""
    told: list[str] = []
    quarantine = root.parent / f"{root.name}.rejected"
    with Rejections(quarantine=quarantine, goes_on=resume) as rejections:
        build_index(source, root, rejections=rejections, resume=resume, tell=told.append, **more)
        state = rejections.state()
    manifest = read_manifest(root, current(root))
    said = dataclasses.asdict(manifest)
    for name in ("built_at", "generation", "parent"):
        said.pop(name)
    names = frozenset(p.name for p in root.iterdir() if not p.name.startswith("gen-"))
    return told, Made(
        {"segments": manifest.segments, "files": manifest.files},
        said,
        state,
        quarantine.read_bytes(),
        names,
    )


@pytest.fixture
def expected(source: Path, tmp_path: Path) -> Made:
    """What an undisturbed build makes."""
    made = build(source, tmp_path / "undisturbed")[1]
    assert {"CURRENT", "LOCK", "segments"} == made.names
    assert made.rejected["by_reason"] == {
        "missing-id": 1, "broken-json": 1, "not-an-object": 1, "empty-text": 1,
    }  # fmt: skip
    assert made.manifest["report"]["notices"]["replaced-by-later-version"] == 3
    return made


def crash(source: Path, root: Path, at: int, *, resume: bool = False) -> bool:
    """Build until step ``at`` of the disk; return whether there was such a step."""
    with suppress(ProcessGone), using(CrashingDisk(at)):
        build(source, root, resume=resume)
        return False
    return True


class Stop(KeyboardInterrupt):
    """The user's Ctrl-C."""


def stop_at(step: str, at: int) -> Callable[[str, int, int | None], None]:
    """Return a progress that stops a build."""

    def progress(name: str, done: int, total: int | None) -> None:
        if name == step and done >= at:
            raise Stop

    return progress


def interrupt(source: Any, root: Path, step: str, at: int, **more: Any) -> None:
    """Build until the progress of a step."""
    with pytest.raises(Stop):
        build(source, root, progress=stop_at(step, at), **more)


# --- any point ---


def test_resumed_after_a_crash_at_some_steps_is_the_same_bytes(
    source: Path, expected: Made, tmp_path: Path, seed: int
) -> None:
    """Index, report, rejections and quarantine file; whichever number of jobs goes on."""
    with using(recording := RecordingDisk()):
        build(source, tmp_path / "recorded")
    chance, found = random.Random(seed), set()
    edges = [1 + len(recording.steps) * i // 12 for i in range(13)]
    # One of each twelfth, so that every stage of a build is among them.
    for i, at in enumerate(chance.randrange(a, b) for a, b in pairwise(edges)):
        root = tmp_path / f"crashed-{i}"
        assert crash(source, root, at)
        with using(SteppedDisk()):
            told, made = build(source, root, resume=True, jobs=1 + i % 2)

        assert expected == made, f"seed {seed}, step {at}: {recording.steps[at - 1]}"
        found |= {message.split(" articles")[0] for message in told}
    assert len(found) > 1, "hardly ever was anything gone on with"


@pytest.mark.full
def test_resumed_after_a_crash_at_any_step_is_the_same_bytes(
    source: Path, expected: Made, tmp_path: Path
) -> None:
    """One step after another."""
    root = tmp_path / "news"
    for at in itertools.count(1):
        shutil.rmtree(root, ignore_errors=True)
        if not crash(source, root, at):
            break
        with using(SteppedDisk()):
            assert expected == build(source, root, resume=True)[1], at
    assert at > 200


@pytest.mark.full
def test_resumed_again_and_again_comes_to_the_same_bytes(
    source: Path, expected: Made, tmp_path: Path, seed: int
) -> None:
    """Crashes while it goes on with what crashed."""
    chance = random.Random(seed)
    for n in range(12):
        root, crashes = tmp_path / f"news-{n}", 0
        while crash(source, root, chance.randint(1, 160), resume=True) and crashes < 30:
            crashes += 1
        if crashes == 30:
            assert expected == build(source, root, resume=True)[1], seed
        assert expected.files["segments"] == read_manifest(root, current(root)).segments


def test_resumed_after_the_power_went_is_the_same_bytes(
    source: Path, expected: Made, tmp_path: Path, seed: int
) -> None:
    """Whatever of the unsynced work is lost, or zeros, is read and counted again."""
    _lose_power(source, expected, tmp_path, random.Random(seed), 10)


@pytest.mark.full
def test_resumed_after_the_power_went_many_times_is_the_same_bytes(
    source: Path, expected: Made, tmp_path: Path, seed: int
) -> None:
    """The same, at a few hundred moments."""
    _lose_power(source, expected, tmp_path, random.Random(seed), 300)


def _lose_power(
    source: Path, expected: Made, tmp_path: Path, chance: random.Random, n: int
) -> None:
    area, start = tmp_path / "recorded", tmp_path / "start"
    area.mkdir()
    start.mkdir()
    with using(recording := RecordingDisk()):
        build(source, area / "news")
    steps = [s for s in recording.steps if s.path.is_relative_to(area / "news")]
    for i in range(n):
        machine, at = Machine(area, start), chance.randint(1, len(steps))
        for step in steps[:at]:
            machine.do(step)
        place = tmp_path / f"image-{i}"
        write_image(machine.lose_power(chance.choice(NAMES), chance.choice(BYTES), chance), place)
        (place / "news.rejected").write_bytes((area / "news.rejected").read_bytes())
        with using(SteppedDisk()):
            assert expected == build(source, place / "news", resume=True)[1], (i, at)


# --- processes that are killed ---

CHILD = """
import os, signal, sys
from recommender import Rejections, build_index, corpus, counting, neighbours
corpus.CHECKPOINT_ARTICLES, counting.CHUNK_BYTES = 5, 3_000
counting.SHARD_CHUNKS, neighbours._RUN = 2, 8
source, root, step, at, jobs = sys.argv[1:]
def progress(name, done, total):
    if name == step and done >= int(at):
        os.kill(os.getpid(), signal.SIGKILL)
with Rejections(quarantine=root + ".rejected") as rejections:
    build_index(source, root, rejections=rejections, progress=progress, jobs=int(jobs))
"""
STAGES = {"count": 8, "write": 0, "neighbours": 16, "read": 0}


@pytest.mark.full
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("step", STAGES)
def test_resumed_after_kill_9_is_the_same_bytes(
    source: Path, expected: Made, tmp_path: Path, step: str, jobs: int
) -> None:
    """Reading after its last checkpoint, counting, writing, finding neighbours."""
    root = tmp_path / "killed"
    args = [str(source), str(root), step, str(STAGES[step]), str(jobs)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", CHILD, *args], env=env, check=False)
    assert -signal.SIGKILL == ended.returncode

    told, made = build(source, root, resume=True, jobs=jobs)

    assert expected == made
    assert len(told) == 1
    assert "Going on after" in told[0]


# --- what is taken over ---


@pytest.mark.parametrize(("step", "at"), [("count", 8), ("neighbours", 16)])
def test_resumed_work_is_not_done_again(
    source: Path, expected: Made, tmp_path: Path, step: str, at: int
) -> None:
    """No article is read twice, and progress begins where it was."""
    root, seen = tmp_path / "news", list[tuple[str, int]]()
    interrupt(source, root, step, at)
    shards = set((root / "tmp-build").glob("*.counted"))

    told, made = build(
        source, root, resume=True, progress=lambda name, done, _: seen.append((name, done))
    )

    assert expected == made
    assert told == ["Going on after all 28 articles read by an earlier build."]
    assert [28] == [done for name, done in seen if name == "read"]
    assert shards
    first = next(done for name, done in seen if name == step)
    assert first >= (at if step == "neighbours" else 1)


def test_counted_shards_are_taken_over(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shards that were kept are not counted again, the others are."""
    interrupt(source, tmp_path / "news", "neighbours", 8)
    kept = sorted((tmp_path / "news" / "tmp-build").glob("*.counted"))
    kept[0].write_bytes(kept[0].read_bytes()[:-1])
    counted: list[int] = []
    counting = sys.modules["recommender.counting"]
    count = counting._Counting._count

    def noted(*args: Any) -> Any:
        counted.append(1)
        return count(*args)

    monkeypatch.setattr(counting._Counting, "_count", noted)

    build(source, tmp_path / "news", resume=True)

    assert len(kept) > 3
    assert counted == [1]


def test_without_resume_everything_is_done_anew(
    source: Path, expected: Made, tmp_path: Path
) -> None:
    """What was kept is removed."""
    interrupt(source, tmp_path / "news", "neighbours", 8)

    seen: list[int] = []
    told, made = build(
        source, tmp_path / "news", progress=lambda n, d, _: seen.append(d) if n == "count" else None
    )

    assert (told, expected) == ([], made)
    assert len(seen) > 3


def test_resume_with_nothing_to_go_on_with_is_silent(
    source: Path, expected: Made, tmp_path: Path
) -> None:
    """It can always be given."""
    for _ in range(2):
        assert ([], expected) == build(source, tmp_path / "news", resume=True)


# --- what does not belong to it ---


def _touch(source: Path) -> dict[str, Any]:
    os.utime(source, ns=(1, 1))
    return {}


def _other_settings(_: Path) -> dict[str, Any]:
    return {"config": Config(ingest=IngestSettings(max_title_chars=1999))}


def _no_quarantine(source: Path) -> dict[str, Any]:
    (source.parent / "news.rejected").write_bytes(b"")
    return {}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_touch, "the source has changed"),
        (_other_settings, "the settings of reading have changed"),
        (_no_quarantine, "quarantine file does not hold"),
    ],
)
def test_work_of_another_build_is_told_and_not_used(
    source: Path,
    expected: Made,
    tmp_path: Path,
    change: Callable[[Path], dict[str, Any]],
    why: str,
) -> None:
    """It is read anew, and the message says why."""
    interrupt(source, tmp_path / "news", "neighbours", 8)
    more = change(source)

    told, made = build(source, tmp_path / "news", resume=True, **more)

    assert len(told) == 1
    assert why in told[0]
    assert expected == made


def test_other_weights_go_on_with_what_was_read(source: Path, tmp_path: Path) -> None:
    """Only what reading depends on decides about reading."""
    config = Config(weights=WeightSettings(max_df=0.9))
    interrupt(source, tmp_path / "news", "neighbours", 8)

    told, made = build(source, tmp_path / "news", resume=True, config=config)

    assert "Going on after all" in told[0]
    assert build(source, tmp_path / "other", config=config)[1] == made


@pytest.mark.parametrize("name", ["body", "ids", "cards"])
def test_damaged_spool_is_read_again_from_before_the_damage(
    source: Path, expected: Made, tmp_path: Path, name: str
) -> None:
    """A changed byte costs the checkpoints after it, and nothing else."""
    interrupt(source, tmp_path / "news", "count", 8)
    path = tmp_path / "news" / "tmp-build" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    told, made = build(source, tmp_path / "news", resume=True)

    assert expected == made
    assert told[0].startswith("Going on after 1")


@pytest.mark.parametrize("kind", ["iterable", "list"])
def test_records_are_read_again_and_counts_taken_over(
    rows: list[Any], tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be read from the middle is read anew; counted is only what was not."""
    articles: Any = [r for r in rows if isinstance(r, dict)]

    def again() -> Any:
        return iter(articles) if kind == "iterable" else articles

    interrupt(again(), tmp_path / "news", "neighbours", 8)
    assert not list((tmp_path / "news" / "tmp-build").glob("*.read"))
    counting = sys.modules["recommender.counting"]
    expected = build(again(), tmp_path / "other")[1]
    monkeypatch.delattr(counting._Counting, "_count")

    told, made = build(again(), tmp_path / "news", resume=True)

    assert "cannot be read from the middle" in told[0]
    assert expected == made


def test_what_cannot_be_read_again_has_no_state(source: Path, tmp_path: Path) -> None:
    """Standard input, records, and a pipe, whose size and time say nothing of what comes out."""
    pipe = tmp_path / "elsewhere" / "pipe"
    pipe.parent.mkdir()
    os.mkfifo(pipe)

    def states(*sources: Any) -> list[Any]:
        return [plan_of(some, IngestSettings(), Rejections())["source"] for some in sources]

    known = states(source, [source], str(source), source.parent)
    unknown = states("-", [source, "-"], pipe, [{"id": 1}], [], iter([source]), None)

    assert None not in known
    assert {None} == set(unknown)


# --- what stays, what goes ---


def test_interrupted_work_stays_for_other_writers_and_goes_with_success(
    source: Path, tmp_path: Path
) -> None:
    """A writer's clean-up leaves it alone; a build that is done leaves nothing."""
    root = tmp_path / "news"
    interrupt(source, root, "count", 8)
    with writer_lock(root):
        pass
    assert (root / "tmp-build" / "00000001.read").exists()

    assert {"CURRENT", "LOCK", "segments"} == build(source, root, resume=True)[1].names


def test_failed_source_leaves_nothing_to_go_on_with(tmp_path: Path) -> None:
    """What would fail again is not kept."""
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"title": "no id"}\n', encoding="utf-8")
    with pytest.raises(InputError):
        build_index(bad, tmp_path / "news", resume=True)

    assert not (tmp_path / "news").exists()


@pytest.mark.parametrize("resume", [False, True])
def test_refused_by_the_disk_is_kept_for_who_asked_to_resume(
    source: Path, expected: Made, tmp_path: Path, resume: bool
) -> None:
    """A full disk is emptied of what nobody asked to keep."""
    root = tmp_path / "news"
    with using(recording := RecordingDisk()):
        build(source, tmp_path / "recorded")
    names = [step.path.name for step in recording.steps]
    at = next(i for i, name in enumerate(names) if name.startswith("rows.")) + 1
    with pytest.raises(StorageError), using(FailingDisk(at)):
        build(source, root, resume=resume)

    assert resume == (root / "tmp-build").exists()
    told, made = build(source, root, resume=True)
    assert resume == bool(told)
    assert expected == made


def test_source_that_has_become_shorter_is_refused(source: Path, tmp_path: Path) -> None:
    """Even where its size and time say otherwise."""
    interrupt(source, tmp_path / "news", "read", 25)
    for path in (tmp_path / "news" / "tmp-build").glob("*.read"):
        about, arrays = kept_work(path) or ({}, {})
        keep_work(path, {**about, "records": 1000, "finished": False}, arrays)

    with pytest.raises(InputError, match="before the build was interrupted it held 1,000"):
        build(source, tmp_path / "news", resume=True)


def test_command_line_goes_on_and_says_so(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error; the exit code is that of any build."""
    root = tmp_path / "news"
    interrupt(source, root, "neighbours", 8)
    args = ["build", str(source), "--model", str(root), "--resume", "--json"]

    with pytest.raises(SystemExit) as ended:
        main([*args, "--quarantine", str(tmp_path / "news.rejected")])

    out, err = capsys.readouterr()
    assert ended.value.code == 3
    assert "Going on after all 28 articles" in err
    assert json.loads(out)["rejected"]["missing-id"] == 1


# --- reading from the middle ---


def _files(rows: list[Any], folder: Path) -> Iterator[Any]:
    """Yield sources of every kind that is read from the middle."""
    folder.mkdir()
    lines = [json.dumps(row) for row in rows]
    text = "\n".join([*lines[:4], "{", "[1]", "", *lines[4:], '{"id": '])
    (folder / "a.jsonl").write_text(text, encoding="utf-8")
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(text.encode())[:-20])
    (folder / "c.json").write_text(json.dumps([*rows, 5, {"id": 0}], indent=1), encoding="utf-8")
    cells = [[str(i), f"Title {i}", "x" * (i % 3)] for i in range(12)]
    table = ["id,title,body", *(",".join(row) for row in cells), '5,"open', "6,Six,y,z", "7"]
    (folder / "d.csv").write_text("\n".join(table), encoding="utf-8")
    (folder / "e.csv").write_text("only,numbers\n1,2\n", encoding="utf-8")
    (folder / "f.jsonl").write_bytes(b"")
    for i in range(4):
        page = "" if i == 1 else f"<html><title>Page {i}</title><p>{'A bridge. ' * 30}</p></html>"
        (folder / f"page{i}.html").write_text(page, encoding="utf-8")
    (folder / "notes.xyz").write_bytes(b"?")
    yield from (folder / name for name in ("a.jsonl", "b.jsonl.gz", "c.json", "d.csv"))
    yield [folder / "f.jsonl", folder / "d.csv", folder / "page1.html", folder / "a.jsonl"]
    yield folder


def test_reading_from_any_record_is_as_from_the_first(rows: list[Any], tmp_path: Path) -> None:
    """The same articles, rejections and notices, whatever was passed over."""
    for source in _files([r for r in rows if isinstance(r, dict)][:10], tmp_path / "files"):
        whole, place = Rejections(), Place()
        stops = [(0, whole.state())]
        articles = []
        for article in read_articles(source, rejections=whole, place=place):
            articles.append(article)
            stops.append((place.records, whole.state()))
        for n, (records, state) in enumerate(stops):
            again = Rejections()
            again.restore(state)
            rest = read_articles(source, rejections=again, place=Place(passed=records))

            assert articles[n:] == list(rest), (source, n)
            assert whole.state() == again.state(), (source, n)
        assert len(stops) > 5


def test_kept_work_is_whole_or_not_there(tmp_path: Path) -> None:
    """Cut, changed or absent: None."""
    arrays: dict[str, NDArray[Any]] = {
        "a": np.arange(3, dtype=np.int64),
        "b": np.zeros(0, np.uint8),
    }
    keep_work(tmp_path / "work", {"x": ["\ud800"]}, arrays)
    data = (tmp_path / "work").read_bytes()
    kept = kept_work(tmp_path / "work")

    assert kept is not None
    assert kept[0] == {"x": ["\ud800"]}
    assert [0, 1, 2] == kept[1]["a"].tolist()
    assert (0, "uint8") == (len(kept[1]["b"]), str(kept[1]["b"].dtype))
    for damaged in (b"", data[:-1], data[:20], bytes(len(data)), b"?" + data[1:]):
        (tmp_path / "work").write_bytes(damaged)
        assert kept_work(tmp_path / "work") is None
    assert kept_work(tmp_path / "nothing") is None
