"""Fixtures shared by all tests."""

import os
import signal
from pathlib import Path

import pytest
from clone import Build
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]

# The same examples every time, and no clock: what a test says hangs neither on chance nor on a busy machine.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")


def pytest_configure() -> None:
    """Have the tests' children listen to SIGINT, which a shell has its background jobs ignore."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real rows in the published schemas; not part of the project, so tests that use them skip without."""
    folder = Path(os.environ.get("SKYMAKE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no folder of real rows (SKYMAKE_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def build(tmp_path_factory) -> Build:
    """The nano project, built on this machine; `compared` is the comparison as it was built."""
    made = Build(tmp_path_factory.mktemp("nano"))
    made.output = made.snakemake()
    made.compared = (made.results / "comparison.csv").read_text()
    return made


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A running Slurm; tests skip where none can be started."""
    from slurm.cluster import Cluster, Unavailable

    made = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        made.start()
    except Unavailable as reason:
        pytest.skip(str(reason))
    yield made
    made.stop()
