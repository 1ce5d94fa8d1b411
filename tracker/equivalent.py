"""The command that does what was done on the page."""

import shlex
from dataclasses import fields

from tracker.edits import Edit
from tracker.folders import safe_stem
from tracker.options import Options

DEFAULT = Options()
NO_FLAG = {"settings", "search", "rate"}  # the first two are said in other words, if at all


def command_of(name: str, edit: Edit, options: Options) -> str:
    """Return the equivalent command line, to be copied into a shell.

    What was painted, repaired, found or is looked for again cannot be said in words: then it
    is the command that does the saved project.

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
    looks_again = options.redetect is not None
    if not is_said or looks_again or edit.keyframes or edit.motions:
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
    return shlex.join([*words, *_how(options)])


def _how(options: Options) -> list[str]:
    """Return the flags for everything that is not as it is by default."""
    words = []
    for given, default in ((options, DEFAULT), (options.settings, DEFAULT.settings)):
        for each in fields(given):
            value = getattr(given, each.name)
            if each.name in NO_FLAG or value == getattr(default, each.name):
                continue
            words.append(f"--{each.name.replace('_', '-')}")
            if value is not True:
                words.append(_word(value))
    return words


def _word(value: object) -> str:
    """Return a value as the command line reads it."""
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value)
