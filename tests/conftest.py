"""Fixtures every test module may use."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Threads of torch that wait without spinning: tests stay quick beside other work.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

ROOT = Path(__file__).resolve().parent.parent


def _shared(variable: str, name: str) -> Path:
    folder = Path(os.environ.get(variable, ROOT.parent / "shared" / name))
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent; set ${variable} to run this test")
    return folder


@pytest.fixture(scope="session")
def clips_dir() -> Path:
    """Return the folder of real clips with ground truth, or skip."""
    return _shared("CLEANPLATE_CLIPS", "clips")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Keep torch in one thread: tiny layers gain nothing from more, and lose beside other work."""
    torch = pytest.importorskip("torch")
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)


@pytest.fixture
def no_process_left() -> Iterator[None]:
    """End the processes that wait for objects when the test has ended."""
    from tracker import elsewhere

    yield
    elsewhere.end_all()


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Return the folder of golden outputs and key manifests, or skip."""
    return _shared("CLEANPLATE_MODELS", "models")
