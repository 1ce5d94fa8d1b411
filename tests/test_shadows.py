import av
import numpy as np
import pytest

from tests.rendered import shadow_scene
from tracker.jobs import Job, Settings
from tracker.masks import MaskReader, MaskWriter
from tracker.removal import run_job


@pytest.fixture
def scene(tmp_path):
    """Write a clip with a shadow, and masks that leave the shadow out."""
    scene = shadow_scene(16)
    with av.open(str(tmp_path / "in.mkv"), "w") as container:
        video = container.add_stream("ffv1", rate=24)
        video.height, video.width = scene.labels[0].shape
        video.pix_fmt = "bgr0"
        for picture in scene.frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(video.encode(None))
    with MaskWriter(tmp_path / "in.zip") as masks:
        for labels in scene.labels:
            masks.write(labels)
        masks.commit()
    return scene


@pytest.mark.parametrize("mode", ["offline", "streaming"])
@pytest.mark.parametrize("grow", [True, False])
def test_shadows_are_removed_only_if_asked_for(tmp_path, scene, mode, grow):
    job = Job(
        tmp_path / "in.mkv",
        tmp_path / "out.mkv",
        masks=tmp_path / "in.zip",
        mode=mode,
        masks_out=tmp_path / "out.zip",
        settings=Settings(grow_shadow=grow),
    )

    *_, last = run_job(job)

    assert last.report is not None
    assert last.report.frames == 16
    with MaskReader(tmp_path / "out.zip") as masks:
        found = [masks[index] for index in range(16)]
    late = range(9, 14)  # before, streaming has not yet seen the ground
    shares = [found[index][scene.shadows[index]].mean() for index in late]
    assert np.mean(shares) > 0.85 if grow else max(shares) == 0
    for labels, before in zip(found, scene.labels, strict=True):
        np.testing.assert_array_equal(labels[before > 0], before[before > 0])
