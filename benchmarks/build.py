"""Build every evaluation set from the command line and ask it for every block.

Each set is a process of its own. Seconds are of the whole process, start to end; memory is its
peak. A first run on a new machine compiles.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._sets import datasets

# Sets that are no article lists under names of their own need to be told how to read them.
CONFIG = {
    "mind_small_sample": """
[ingest]
format = "tsv"
column_names = ["id", "section", "subsection", "title", "lead", "url", "entities", "mentions"]
"""
}
SOURCES = ("articles.jsonl.gz", "articles.parquet", "pages.jsonl.gz", "news.tsv.gz")
TIMEOUT_SECONDS = 1800


def run(*args: str) -> tuple[int, str, str, float, float]:
    """Run our command line; return exit code, stdout, stderr, seconds and peak memory in MB."""
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "recommender", *args], stdout=out, stderr=err, text=True
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        out.seek(0)
        err.seek(0)
        code = os.waitstatus_to_exitcode(status)
        return code, out.read(), err.read(), seconds, usage.ru_maxrss / 1024


def measure(source: Path, folder: Path) -> dict[str, Any]:
    """Build one set and ask for the block of its last article."""
    name = source.parent.name
    model = str(folder / name)
    config = folder / f"{name}.toml"
    config.write_text(CONFIG.get(name, ""), encoding="utf-8")
    code, out, err, seconds, memory = run(
        "build", str(source), "--model", model, "--config", str(config), "--json"
    )
    if code not in (0, 3):
        return {"set": name, "failed": err.strip().splitlines()[-1] if err.strip() else code}
    report = json.loads(out)
    run_file = folder / f"{name}.jsonl"
    _, _, err, export_seconds, _ = run(
        "export", "--model", model, "--limit", "10", "--out", str(run_file)
    )
    with run_file.open(encoding="utf-8") as lines:
        answered = sum(bool(json.loads(line)["related"]) for line in lines)
    return {
        "set": name,
        **report,
        "wall": seconds,
        "memory": memory,
        "export": export_seconds,
        "answered": answered,
    }


def row(result: dict[str, Any]) -> str:
    """Return one line of the table."""
    if "failed" in result:
        return f"| {result['set']} | {result['failed']} |" + " |" * 8
    rejected = ", ".join(f"{n} {reason}" for reason, n in result["rejected"].items()) or "0"
    langs = ", ".join(f"{lang} {n:,}" for lang, n in list(result["languages"].items())[:4])
    return (
        f"| {result['set']} | {result['kept']:,} | {rejected} | {langs} | {result['terms']:,} "
        f"| {result['text_bytes'] / 1e6:.1f} | {result['index_bytes'] / 1e6:.1f} "
        f"| {result['wall']:.1f} | {result['memory']:,.0f} "
        f"| {result['export']:.1f} | {result['answered']:,} |"
    )


def main() -> None:
    """Print the table of every set, or of those named on the command line."""
    home = datasets()
    names = sys.argv[1:] or sorted(p.name for p in home.iterdir())
    print(
        "| set | articles | rejected | languages | terms | text MB | index MB | build s | peak MB "
        "| export s | with a block |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            for source in (home / name / s for s in SOURCES):
                if source.is_file():
                    print(row(measure(source, Path(folder))), flush=True)


if __name__ == "__main__":
    main()
