"""The notebook is executed as a reader would, from top to bottom."""

import importlib.util
import os
import subprocess
import sys
import zipfile
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
    lines = install[install.index("def wanted") : install.index("root =")]
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


def _files():
    return (
        *ROOT.glob("tracker/**/*.py"),
        *ROOT.glob("requirements*.txt"),
        ROOT / "pyproject.toml",
    )


def install(notebook, folder, **environment):
    """Run the install cell as a program, in a folder; return what became of it.

    A stand-in for what Colab has notes that Drive was mounted.
    """
    colab = folder / "site" / "google" / "colab"
    colab.mkdir(parents=True, exist_ok=True)
    (colab / "__init__.py").write_text("")
    (colab / "drive.py").write_text("def mount(place): print('mounted', place)\n")
    here = folder / "content"
    here.mkdir(exist_ok=True)
    told = "\nfrom tracker.checkpoints import folder\nprint('weights in', folder())\n"
    return subprocess.run(
        [sys.executable, "-c", notebook.cells[1].source + told],
        cwd=here,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder / "site")} | environment,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def code(tmp_path):
    """Return a zip of the code, as one would upload it: inside a folder."""
    (tmp_path / "content").mkdir()
    path = tmp_path / "content" / "upload.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in _files():
            archive.write(file, f"cleanplate-main/{file.relative_to(ROOT)}")
    return path


def test_the_notebook_finds_the_code_uploaded_beside_it(notebook, code, tmp_path):
    ran = install(notebook, tmp_path)

    assert ran.returncode == 0, ran.stderr
    unpacked = tmp_path / "content" / "cleanplate" / "cleanplate-main"
    assert f"ready in {unpacked}" in ran.stdout
    assert f"weights in {unpacked / 'ckpt'}" in ran.stdout


def test_the_notebook_says_what_to_do_where_there_is_no_code(notebook, tmp_path):
    ran = install(notebook, tmp_path)

    assert ran.returncode == 1
    assert "upload it there as a zip, or set REPOSITORY" in ran.stderr
    private = install(notebook, tmp_path, CLEANPLATE_REPOSITORY=str(tmp_path / "nowhere"))
    assert "if it is private, its address needs a token" in private.stderr


def test_weights_may_lie_in_a_folder_of_ones_own_or_on_drive(notebook, code, tmp_path):
    own = install(notebook, tmp_path, CLEANPLATE_CKPT=str(tmp_path / "my weights"))
    on_drive = install(notebook, tmp_path, CLEANPLATE_CKPT="/content/drive/MyDrive/ckpt")

    assert f"weights in {tmp_path / 'my weights'}" in own.stdout
    assert "mounted" not in own.stdout
    assert "mounted /content/drive" in on_drive.stdout
    assert "weights in /content/drive/MyDrive/ckpt" in on_drive.stdout


def test_the_notebook_links_to_no_address_that_may_not_be(notebook):
    assert "colab.research.google.com" not in "".join(cell.source for cell in notebook.cells)


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
