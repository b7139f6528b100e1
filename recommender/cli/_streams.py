"""What may reach a terminal: no control codes of strangers, and letters in any encoding."""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import sys

__all__ = ["escaped", "harmless", "mute_output", "prepare_streams"]

# Codes that move the cursor, colour, retitle or reorder what stands beside them: C0, DEL, C1, the
# marks and overrides of writing direction, and the line ends that only some programs know.
_RISKY = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_RISKY_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_KEPT = "\n\t"
_ESCAPE = "recommender-escape"


def harmless(text: str, *, lines: bool = False) -> str:
    """Return ``text`` as a terminal may show it; line ends become spaces unless ``lines``."""
    kept = _KEPT if lines else ""
    return _RISKY.sub(lambda m: m[0] if m[0] in kept else _shown(m[0]), text)


def escaped(json_text: str) -> str:
    """Return JSON that means the same and has no code a terminal would obey."""
    return _RISKY_IN_JSON.sub(lambda m: f"\\u{ord(m[0]):04x}", json_text)


def prepare_streams() -> None:
    """Give closed streams an end, and write what an encoding lacks as JSON escapes."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    codecs.register_error(_ESCAPE, _escape)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_ESCAPE)


def mute_output() -> None:
    """Send what is left to write nowhere, as the interpreter would complain at exit."""
    with contextlib.suppress(OSError, ValueError):  # a stream without a file behind it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _shown(code: str) -> str:
    return " " if code in "\n\t\r\v\f\x85\u2028\u2029" else "\ufffd"


def _escape(error: UnicodeError) -> tuple[str, int]:
    """Write characters as JSON does, so that JSON stays JSON."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = (units[i : i + 2].hex() for i in range(0, len(units), 2))
    return "".join(f"\\u{pair}" for pair in pairs), error.end
