"""A short life of an index; ``make soak`` lets it live longer."""

from __future__ import annotations

import json

from tests.faults.driver import run_module


def test_index_that_lives_a_while_holds_what_the_model_says(seed: int) -> None:
    """Articles come, change and go while others read, and one writer in four is killed."""
    told = json.loads(
        run_module("tests.faults.soaking", "--operations", 12, "--readers", 2, "--seed", seed)
    )

    assert [] == told["wrong"]
    assert 12 == sum(told["done"].values()) + sum(told["killed"].values())
    assert all(reader["blocks"] for reader in told["readers"])
