"""The spool on a disk that refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from recommender._disk import using
from recommender.errors import StorageError
from recommender.spool import Spool
from tests.disks import FailingDisk


@pytest.mark.parametrize("n", range(1, 9))
def test_spool_file_that_cannot_be_opened_is_a_storage_error(tmp_path: Path, n: int) -> None:
    """It used to come through as a bare OSError, and the files before it stayed open."""
    with pytest.raises(StorageError, match="Nothing was published"), using(FailingDisk(n)):
        Spool(tmp_path)
