"""Label maps in files: round trips, values, and everything hostile."""

import io
import stat
import zipfile

import numpy as np
import pytest
from PIL import Image

from tracker.label_images import encode_labels
from tracker.masks import MaskReader, MaskWriter, read_label_image
from tracker.types import UserError


def some_labels(seed=0, size=(12, 17)):
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)


def png(array, mode=None):
    buffer = io.BytesIO()
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(path, files, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_masks_come_back_as_they_were_written(tmp_path):
    masks = [some_labels(seed) for seed in range(12)]

    with MaskWriter(tmp_path / "masks.zip") as writer:
        for labels in masks:
            writer.write(labels)
        writer.commit()

    with MaskReader(tmp_path / "masks.zip") as reader:
        reader.check(12, 12, 17)
        assert len(reader) == 12
        assert not reader.is_still
        for index, labels in enumerate(masks):
            np.testing.assert_array_equal(reader[index], labels)
    assert [p.name for p in tmp_path.iterdir()] == ["masks.zip"]


def test_written_masks_are_palette_pngs_with_the_colours_of_davis(tmp_path):
    with MaskWriter(tmp_path / "masks.zip") as writer:
        writer.write(some_labels())
        writer.commit()

    with zipfile.ZipFile(tmp_path / "masks.zip") as archive:
        assert archive.namelist() == ["00000.png"]
        image = Image.open(io.BytesIO(archive.read("00000.png")))
    assert image.mode == "P"
    assert image.getpalette()[:12] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]


def test_leaving_without_commit_keeps_the_finished_part_aside(tmp_path):
    with MaskWriter(tmp_path / "masks.zip") as writer:
        writer.write(some_labels(1))

    assert [p.name for p in tmp_path.iterdir()] == ["masks.partial.zip"]
    with MaskReader(tmp_path / "masks.partial.zip") as reader:
        np.testing.assert_array_equal(reader[0], some_labels(1))


def test_nothing_is_left_of_an_archive_without_masks(tmp_path):
    with MaskWriter(tmp_path / "masks.zip") as writer:
        assert writer.abandon() is None

    assert list(tmp_path.iterdir()) == []


def test_an_existing_archive_is_kept_unless_it_may_be_overwritten(tmp_path):
    path = zipped(tmp_path / "masks.zip", {"0.png": encode_labels(some_labels())})

    with pytest.raises(UserError, match=r"masks.zip exists; choose another name or pass --over"):
        MaskWriter(path)
    with MaskWriter(path, overwrite=True) as writer:
        writer.write(some_labels(3))
        writer.commit()

    with MaskReader(path) as reader:
        np.testing.assert_array_equal(reader[0], some_labels(3))


@pytest.mark.parametrize(
    ("name", "message"),
    [("masks.tar", "unknown ending"), ("nowhere/masks.zip", "nowhere does not exist")],
)
def test_names_that_cannot_be_written_are_refused(tmp_path, name, message):
    with pytest.raises(UserError, match=message):
        MaskWriter(tmp_path / name)


def test_a_folder_is_read_in_natural_order(tmp_path):
    for index in (10, 2, 1):
        (tmp_path / f"mask{index}.png").write_bytes(encode_labels(np.full((4, 5), index, np.uint8)))

    with MaskReader(tmp_path) as reader:
        assert [int(reader[index][0, 0]) for index in range(3)] == [1, 2, 10]


def test_one_image_is_a_hole_that_stays(tmp_path):
    (tmp_path / "mask.png").write_bytes(encode_labels(some_labels()))

    with MaskReader(tmp_path / "mask.png") as reader:
        reader.check(1000, 12, 17)
        assert reader.is_still
        np.testing.assert_array_equal(reader[999], some_labels())


VALUES = np.array([[0, 1, 2], [3, 0, 1]], np.uint8)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encode_labels(VALUES), VALUES),
        (png(VALUES), VALUES),
        (png(VALUES.astype(np.uint16)), VALUES),
        (png(np.minimum(VALUES, 1) * 255, "1"), np.minimum(VALUES, 1)),
        (png(np.minimum(VALUES, 1) * 255), np.minimum(VALUES, 1)),
        (png(np.full((2, 3), 255, np.uint8)), np.ones((2, 3), np.uint8)),
        (encode_labels(np.minimum(VALUES, 1) * 255), np.minimum(VALUES, 1) * 255),
    ],
    ids=["palette", "grey", "16 bit", "1 bit", "black and white", "all white", "palette 255"],
)
def test_values_are_ids_and_white_of_a_black_and_white_mask_is_object_1(tmp_path, data, expected):
    (tmp_path / "mask.png").write_bytes(data)

    labels = read_label_image(tmp_path / "mask.png")

    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (png(np.zeros((4, 4, 3), np.uint8)), r"mask.png is a colour image \(RGB\); masks are"),
        (png(np.full((4, 4), 256, np.uint16)), "has the value 256; ids go from 0 to 255"),
        (b"", "mask.png is not a PNG"),
        (b"GIF89a" + bytes(40), "mask.png is not a PNG"),
        (encode_labels(some_labels())[:-30], "mask.png is damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(8) + b"\0\1\0\0\0\1\0\0", "65536x65536 pixels"),
    ],
    ids=["colour", "large id", "empty", "gif", "cut off", "huge"],
)
def test_r13_images_that_are_no_masks_are_refused(tmp_path, data, message):
    (tmp_path / "mask.png").write_bytes(data)

    with pytest.raises(UserError, match=message):
        read_label_image(tmp_path / "mask.png")


def test_r13_masks_must_be_as_many_as_the_frames(tmp_path):
    path = zipped(tmp_path / "masks.zip", {f"{i}.png": encode_labels(VALUES) for i in range(4)})

    with MaskReader(path) as reader, pytest.raises(UserError) as error:
        reader.check(80, 2, 3)

    assert str(error.value) == (
        "masks.zip has 4 masks but the clip has 80 frames; "
        "give one mask per frame, or a single PNG for a hole that stays"
    )


def test_r13_masks_must_have_the_size_of_the_clip(tmp_path):
    files = {"0.png": encode_labels(VALUES), "1.png": encode_labels(VALUES.T.copy())}
    path = zipped(tmp_path / "masks.zip", files)

    with (
        MaskReader(path) as reader,
        pytest.raises(UserError, match=r"1.png in .* is 2x3 but .* 3x2"),
    ):
        reader.check(2, 2, 3)


GOOD = encode_labels(VALUES)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../00000.png", "points outside the archive"),
        ("a/../../00000.png", "points outside the archive"),
        ("/etc/00000.png", "points outside the archive"),
        ("..\\00000.png", "points outside the archive"),
        ("C:\\00000.png", "points outside the archive"),
        ("run.exe", "'run.exe' is not a PNG; put only masks into it"),
    ],
)
def test_r13_archives_with_foreign_names_are_refused(tmp_path, name, message):
    path = zipped(tmp_path / "masks.zip", {"00000.png": GOOD, name: GOOD})

    with pytest.raises(UserError, match=r"masks\.zip is refused: .*" + message):
        MaskReader(path)


def test_r13_an_archive_with_a_nameless_file_is_refused(tmp_path):
    path = zipped(tmp_path / "masks.zip", {"~": GOOD})
    path.write_bytes(path.read_bytes().replace(b"~", b"\0"))

    with pytest.raises(UserError, match="one of its files has no name; zip the masks again"):
        MaskReader(path)


def test_r13_links_in_archives_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "masks.zip", "w") as archive:
        link = zipfile.ZipInfo("00000.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")

    with pytest.raises(UserError, match="is a link, not a file"):
        MaskReader(tmp_path / "masks.zip")


def test_r13_bombs_are_refused_before_they_are_unpacked(tmp_path):
    path = zipped(tmp_path / "masks.zip", {"00000.png": bytes(20_000_000)})

    with pytest.raises(UserError, match="would unpack to 20 MB"):
        MaskReader(path)


def test_r13_a_size_that_is_a_lie_does_no_harm(tmp_path):
    path = zipped(tmp_path / "masks.zip", {"00000.png": bytes(20_000_000)})
    raw = path.read_bytes()
    path.write_bytes(raw.replace((20_000_000).to_bytes(4, "little"), (900).to_bytes(4, "little")))

    with MaskReader(path) as reader, pytest.raises(UserError, match=r"00000.png"):
        reader[0]


def test_r13_encrypted_archives_are_refused(tmp_path):
    path = zipped(tmp_path / "masks.zip", {"00000.png": GOOD})
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\1\2") + 8] |= 1  # the flag in the central directory
    path.write_bytes(raw)

    with pytest.raises(UserError, match="encrypted; make it without a password"):
        MaskReader(path)


@pytest.mark.parametrize("cut", [10, 100, 150])
def test_r13_damaged_archives_are_refused(tmp_path, cut):
    whole = zipped(tmp_path / "whole.zip", {"00000.png": GOOD}).read_bytes()
    (tmp_path / "masks.zip").write_bytes(whole[:-cut])

    with pytest.raises(UserError, match=r"masks\.zip"):
        MaskReader(tmp_path / "masks.zip")


def test_r13_damaged_entries_are_named(tmp_path):
    path = zipped(tmp_path / "masks.zip", {"00000.png": GOOD}, zipfile.ZIP_STORED)
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"IDAT") + 6] ^= 255
    path.write_bytes(raw)

    with (
        MaskReader(path) as reader,
        pytest.raises(UserError, match=r"00000\.png in masks\.zip is dam"),
    ):
        reader[0]


def test_what_desktops_put_into_archives_is_ignored(tmp_path):
    files = {"masks/00000.png": GOOD, "__MACOSX/masks/._00000.png": b"?", "masks/.DS_Store": b"?"}

    with MaskReader(zipped(tmp_path / "masks.zip", files)) as reader:
        assert len(reader) == 1


@pytest.mark.parametrize("name", ["missing.zip", "empty"])
def test_r13_nothing_to_read_is_said(tmp_path, name):
    (tmp_path / "empty").mkdir()

    with pytest.raises(UserError, match=name):
        MaskReader(tmp_path / name)


def test_r13_two_masks_of_one_name_are_refused(tmp_path):
    with pytest.raises(UserError, match="two masks of one name"):
        MaskReader(zipped(tmp_path / "masks.zip", {"a/0.png": GOOD, "b/0.png": GOOD}))
