"""What reads what people bring, given thousands of strange things: a `UserError` or a result.

The headers and pictures of videos are fuzzed in test_video_fuzz.py.
"""

import json
import os
import random
import time
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_masks import zipped
from test_video_fuzz import broken

from tracker import prompts
from tracker.batch.manifest import read_items
from tracker.edits import Edit, TrackedObject
from tracker.label_images import decode_labels, encode_labels
from tracker.masks import MaskReader
from tracker.options import Options
from tracker.pointing import from_json, gather
from tracker.project import Project, SourceMark
from tracker.project_files import load_project, pack_project
from tracker.project_reading import JSON_NAME
from tracker.prompts import Place
from tracker.types import Point, Prompt, UserError
from tracker.video.folder_source import read_times

# By default the same cases every time: what fails here fails everywhere.  With
# CLEANPLATE_FUZZ=SECONDS each test looks for new ones, files for so long.
FRESH = os.environ.get("CLEANPLATE_FUZZ")
SECONDS, MOST = (float(FRESH), 10**9) if FRESH else (2.0, 2_000)  # of breaking each kind of file
PATIENT = settings(
    max_examples=3_000 if FRESH else 150,
    derandomize=not FRESH,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

NUMBERS = st.one_of(
    st.integers(), st.floats(), st.sampled_from([0, 1, 255, 10**400, -(10**30), 1e308])
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
ENTRIES = st.dictionaries(
    st.sampled_from(["x", "y", "box", "positive", "object", "frame", "z"]),
    VALUES | st.lists(NUMBERS, min_size=4, max_size=4),
)


def refused_or_done(action):
    """Return whether `action` works; what it raises otherwise must be one line for people."""
    said = ""
    try:
        action()
    except UserError as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) < 1000
    return not said


@PATIENT
@given(VALUES | st.lists(ENTRIES, max_size=5))
def test_any_json_is_read_as_prompts_or_refused(value):
    refused_or_done(lambda: gather(from_json(value)))


DIGITS = st.text("0123456789", min_size=1, max_size=6) | st.sampled_from(["9" * 5000, "٣", "-1"])
POINT_TEXTS = st.one_of(
    st.text(max_size=20),
    st.builds("{}:{},{}@{}".format, DIGITS, DIGITS, DIGITS, DIGITS),
    st.builds("{}:{},{},{},{}@{}".format, DIGITS, DIGITS, DIGITS, DIGITS, DIGITS, DIGITS),
)


@PATIENT
@given(POINT_TEXTS)
def test_any_text_is_read_as_a_prompt_or_refused(text):
    refused_or_done(lambda: prompts.add_point({}, text, positive=True))
    refused_or_done(lambda: prompts.add_box({}, text))
    refused_or_done(lambda: prompts.split_file(text))


@PATIENT
@given(
    st.lists(
        st.fixed_dictionaries(
            {"file": st.sampled_from(["0.png", "1.png", "x"])},
            optional={"time": VALUES | st.sampled_from(["1/3", "1/0", "1e999999999", "9" * 5000])},
        ),
        max_size=3,
    )
    | VALUES
)
def test_any_times_beside_images_are_read_or_refused(tmp_path, noted):
    images = [tmp_path / "0.png", tmp_path / "1.png"]
    (tmp_path / "frames.json").write_text(json.dumps(noted))

    refused_or_done(lambda: read_times(tmp_path, images))


def label_file(path):
    path.write_bytes(encode_labels(np.arange(96, dtype=np.uint8).reshape(8, 12)))


def read_labels(path):
    decode_labels(path.read_bytes(), path.name)


def mask_archive(path):
    png = encode_labels(np.arange(96, dtype=np.uint8).reshape(8, 12))
    zipped(path, {f"{index}.png": png for index in range(4)}, zipfile.ZIP_DEFLATED)


def read_masks(path):
    with MaskReader(path) as masks:
        masks.check(4, 8, 12)
        for index in range(len(masks)):
            masks[index]


def project_file(path):
    """Write a project with a mark of every kind and a repaired frame."""
    mask = np.zeros((8, 12), bool)
    mask[2:5, 3:9] = True
    edit = Edit(
        (TrackedObject(1, "the car"), TrackedObject(2, "wall", removed=False, motion="surface")),
        1,
        {Place(0, 1): Prompt((Point(4, 3),), (1, 2, 9, 7)), Place(3, 2): Prompt(mask=mask)},
        {Place(0, 1): mask, Place(3, 2): mask},
    )
    mark = SourceMark("film.mp4", "0" * 64, 12, 8)
    project = Project(mark, edit, Options(), {5: np.full((8, 12, 3), 90, np.uint8)})
    path.write_bytes(pack_project(project))


def read_project(path):
    """Read a project and do with it what the command line does."""
    project = load_project(path)
    project.labels()
    pack_project(project)


FILES = {
    "labels.png": (label_file, read_labels),
    "masks.zip": (mask_archive, read_masks),
    "work.cleanplate": (project_file, read_project),
}


def altered(value, chance, put):
    """Return JSON in which one thing, chosen by `chance`, became `put`, or is missing."""
    if not isinstance(value, dict | list) or not value or chance.random() < 0.1:
        return put
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = chance.choice(keys)
    changed = value.copy()
    if chance.random() < 0.1:
        del changed[key]
    else:
        changed[key] = altered(value[key], chance, put)
    return changed


@PATIENT
@given(st.randoms(use_true_random=False), VALUES | st.sampled_from(["masks/../x", "9" * 400]))
def test_any_change_of_a_project_is_read_or_refused(tmp_path, chance, put):
    whole, changed = tmp_path / "whole.cleanplate", tmp_path / "changed.cleanplate"
    project_file(whole)
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(changed, "w") as other:
        for name in archive.namelist():
            content = archive.read(name)
            if name == JSON_NAME:
                content = json.dumps(altered(json.loads(content), chance, put)).encode()
            other.writestr(name, content)

    refused_or_done(lambda: read_project(changed))


LINES = st.dictionaries(
    st.sampled_from(["clip", "name", "point", "negative", "box", "mask", "masks", "options", "z"]),
    st.sampled_from(["a.mp4", "3,4", "../../etc/passwd", "\x00", "n" * 400]) | VALUES,
)


@PATIENT
@given(st.lists(LINES.map(json.dumps) | st.text(max_size=30), max_size=4))
def test_any_manifest_of_a_batch_is_read_or_refused(tmp_path, lines):
    manifest = tmp_path / "clips.jsonl"
    manifest.write_bytes("\n".join(lines).encode(errors="surrogatepass"))

    refused_or_done(lambda: read_items(manifest))


@PATIENT
@given(st.binary(max_size=200) | LINES.map(json.dumps).map(str.encode))
def test_any_list_beside_a_clip_is_read_or_refused(tmp_path, content):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "a.json").write_bytes(content)

    refused_or_done(lambda: read_items(tmp_path))


@pytest.mark.parametrize("name", FILES)
def test_broken_files_are_read_or_refused(tmp_path, name):
    make, read = FILES[name]
    make(tmp_path / name)
    whole, chance = (tmp_path / name).read_bytes(), random.Random(None if FRESH else 1)
    end, outcomes = time.monotonic() + SECONDS, []
    while time.monotonic() < end and len(outcomes) < MOST:
        (tmp_path / name).write_bytes(broken(whole, chance))
        began = time.monotonic()
        outcomes.append(refused_or_done(lambda: read(tmp_path / name)))
        assert time.monotonic() - began < 5

    assert len(outcomes) > 50
    assert False in outcomes
