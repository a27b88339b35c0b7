"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real rows in the published schemas; not part of the project, so tests that use them skip without."""
    folder = Path(os.environ.get("SKYMAKE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no folder of real rows (SKYMAKE_TEST_DATA)")
    return folder
