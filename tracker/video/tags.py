"""Notes in a video file, as its writer left them."""

from pathlib import Path

from tracker.video.opening import open_container


def read_tags(path: Path) -> dict[str, str]:
    """Return the notes of a whole file, names in capitals.

    Raises:
        UserError: It is not a media file.
    """
    with open_container(path) as container:
        return {key.upper(): value for key, value in container.metadata.items()}
