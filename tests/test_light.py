"""The weight-free product works where torch is not installed."""

import subprocess
import sys

import pytest
import rendered

WITHOUT_TORCH = """
import sys
for name in ("torch", "torchvision", "transformers", "timm", "segment_anything"):
    sys.modules[name] = None  # importing it raises ImportError, as if it were not there
sys.argv = sys.argv[1:]
"""


def run_without_torch(code, *arguments):
    command = [sys.executable, "-c", WITHOUT_TORCH + code, "program", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_the_command_line_removes_an_object_without_torch(tmp_path):
    rendered.write_scene(tmp_path / "in.mkv", 8)
    code = "from tracker.__main__ import main; sys.exit(main())"

    done = run_without_torch(
        code, "remove", tmp_path / "in.mkv", tmp_path / "out.mp4", "--point", "30,48"
    )

    assert done.returncode == 0, done.stderr
    assert len(rendered.rgb(tmp_path / "out.mp4")) == 8


def test_the_page_is_built_without_torch():
    code = "from tracker.ui import build_demo; print(type(build_demo()).__name__)"

    done = run_without_torch(code)

    assert done.stdout.strip() == "Blocks", done.stderr


@pytest.mark.parametrize("module", ["tracker.__main__", "tracker.ui"])
def test_starting_imports_no_torch_even_where_it_is_installed(module):
    code = f"import {module}, sys; print('torch' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)

    assert done.stdout.strip() == "False", done.stderr
