"""Settings put into a settings file: nothing else of it changes."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import ConfigError, SourceNotFoundError
from recommender.evaluation.pasting import as_toml, pasted, text_of

NEW = {"half_life": "30d", "smoothing": 0.5, "include_newer": False}

FILES = {
    "nothing": "",
    "no section": "# ours\n[fields]\ntitle = 3\n",
    "an empty section": "[block]",
    "a section amid others": "[fields]\ntitle = 3\n[block] # cards\nlimit = 4\n\n[server]\n",
    "old values": "[block]\nhalf_life = '7d' # a week\n smoothing=2\ninclude_newer = true\n",
    "values of others": "[popularity]\nhalf_life = '3d'\n[block]\nlimit = 4\n",
    "lines of windows": "[block]\r\nhalf_life = '7d'\r\n\r\n[[extra]]\r\na = [\r\n1,\r\n]\r\n",
    "Ukrainian": "[rules]\nblocked = [['Київ', 'Одеса']]  # не разом\n[block]\n",
}


@pytest.mark.parametrize("name", FILES)
def test_pasted_file_says_what_it_said_and_the_new_settings(name: str) -> None:
    """Any file; comments stay."""
    text = FILES[name]
    before, after = tomllib.loads(text), pasted(text, NEW, where="x.toml")

    assert {**before, "block": {**before.get("block", {}), **NEW}} == tomllib.loads(after)
    assert text.count("#") == after.count("#")
    assert after == pasted(after, NEW, where="x.toml")


@pytest.mark.parametrize(
    "text",
    [
        "block = {limit = 4}",
        "block.limit = 4",
        "['block']\nlimit = 4",
        '[block]\nhalf_life = """\n7d"""\n',
        "block = 3",
        "[block]\n'half_life' = '7d'",
    ],
)
def test_file_written_otherwise_is_left_with_the_lines_to_put_in(text: str) -> None:
    """Rather than a file that is spoiled."""
    with pytest.raises(ConfigError, match=r'left as it is[^\0]*\[block\]\nhalf_life = "30d"'):
        pasted(text, NEW, where="x.toml")


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,12}", fullmatch=True),
        st.one_of(st.booleans(), st.integers(-99, 99), st.text(), st.floats(0, 1, allow_nan=False)),
    )
)
def test_any_settings_are_read_back_as_they_are(values: dict[str, Any]) -> None:
    """Texts with quotes, marks and letters of any script."""
    assert {"block": values} == tomllib.loads(as_toml(values))


def test_file_that_cannot_be_read_is_told_before_the_work(tmp_path: Path) -> None:
    """A folder, bytes that are no text, and text that is no TOML; no file is an empty one."""
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "no.toml").write_text("[block", "utf-8")

    assert "" == text_of(tmp_path / "none.toml")
    for name in (".", "bytes.toml"):
        with pytest.raises(SourceNotFoundError, match="Cannot read the settings file"):
            text_of(tmp_path / name)
    with pytest.raises(ConfigError, match=r"no\.toml is no valid TOML"):
        text_of(tmp_path / "no.toml")
