"""The notebook is executed as a reader would, from top to bottom."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "assets" / "cleanplate.ipynb"
pytest.importorskip("nbclient", reason="nbclient is missing; see tests/requirements.txt")


@pytest.fixture(scope="module")
def notebook():
    import nbformat

    return nbformat.read(NOTEBOOK, as_version=4)


def test_the_notebook_is_kept_without_results(notebook):
    assert not any(cell.get("outputs") for cell in notebook.cells)


def test_an_installed_torch_is_kept(notebook, monkeypatch):
    install = notebook.cells[1].source
    lines = install[install.index("def wanted") : install.index("packages =")]
    scope = {"Path": Path, "importlib": importlib}
    monkeypatch.chdir(ROOT)
    exec(lines, scope)  # noqa: S102 - the notebook's own function, as it stands there

    def kept(has_torch):
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: object() if has_torch else None
        )
        return [line.split(">")[0] for line in scope["wanted"]("requirements-learned.txt")]

    assert "torch" in kept(False)
    assert not {"torch", "torchvision"} & set(kept(True))
    assert "transformers" in kept(True)


@pytest.mark.slow
def test_the_notebook_runs(notebook, tmp_path, monkeypatch):
    from nbclient import NotebookClient

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()

    try:
        shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        text = "".join(each.get("text", "") for each in shown)
        html = "".join(each.get("data", {}).get("text/html", "") for each in shown)
        assert "96 frames" in text
        assert "<video" in html
        assert "data:video/mp4;base64" in html
        assert "<iframe" in html
    finally:
        (ROOT / "clean.mp4").unlink(missing_ok=True)
