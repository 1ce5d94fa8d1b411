"""The command that does what was done on the page."""

import shlex

from tracker.edits import Edit
from tracker.folders import safe_stem
from tracker.session import Options


def command_of(name: str, edit: Edit, options: Options) -> str:
    """Return the equivalent command line, to be copied into a shell.

    What was painted, repaired or found cannot be said in words: then it is the command
    that does the saved project.

    Args:
        name: of the video's file.
        edit: what was said.
        options: how to remove.
    """
    stem = safe_stem(name)
    if not edit.prompts:
        return ""
    is_said = all(
        prompt.mask is None and (prompt.points or prompt.box) for prompt in edit.prompts.values()
    )
    if not is_said or edit.keyframes or any(each.motion != "object" for each in edit.objects):
        return f"cleanplate remove --project {shlex.quote(stem)}.cleanplate"
    words = ["cleanplate", "remove", name, f"{stem}_clean.mp4"]
    for place in sorted(edit.prompts):
        prompt = edit.prompts[place]
        head = "" if place.object_id == 1 else f"{place.object_id}:"
        tail = f"@{place.frame}" if place.frame else ""
        if prompt.box is not None:
            words += ["--box", head + ",".join(f"{edge:g}" for edge in prompt.box) + tail]
        for point in prompt.points:
            flag = "--point" if point.positive else "--negative"
            words += [flag, f"{head}{point.x:.2f},{point.y:.2f}{tail}"]
    removed = [str(each.id) for each in edit.objects if each.removed]
    if len(removed) < len(edit.objects):
        words += ["--objects", ",".join(removed)]
    if edit.first:
        words += ["--in", str(edit.first)]
    if edit.last is not None:
        words += ["--out", str(edit.last)]
    if options.mode != "offline":
        words += ["--mode", options.mode]
    if options.dilate is not None:
        words += ["--dilate", f"{options.dilate:g}"]
    for flag, engine in (("--propagator", options.propagator), ("--inpainter", options.inpainter)):
        if engine != "auto":
            words += [flag, engine]
    if options.settings.size != "balanced":
        words += ["--size", options.settings.size]
    if options.settings.feather is not None:
        words += ["--feather", f"{options.settings.feather:g}"]
    return shlex.join(words)
