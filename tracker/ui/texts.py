"""What the page says: plain functions from data to words and small pieces of markup."""

from collections.abc import Iterable
from html import escape

from tracker.checkpoints import on_disk
from tracker.edits import Edit
from tracker.engines import MISSING, Choice, has_torch, table
from tracker.fetching import News
from tracker.jobs import Mode, Progress, Report
from tracker.published import RECORDS
from tracker.results import Result
from tracker.session import Session
from tracker.types import Origin, Prompt

TAGLINE = (
    "Click an object in a video and get the video without it. Everything stays on this machine."
)
NO_VIDEO = '<div class="small">Drop one into the dashed frame, or</div>'
NOTHING_DONE = '<div class="progress small">Nothing is running.</div>'
ABOUT_KEYFRAMES = (
    "A frame filled badly: choose Repair, paint a better place over the bad one, or save it, "
    "edit it elsewhere and put it back. Then Remove again: the other frames follow it."
)
ABOUT_PROJECTS = (
    "Closing this page deletes your files here. In case you only reload it, your video stays for "
    "an hour, your marks for a week. <i>Another video</i> deletes them at once."
)
NOTHING_TO_EXPORT = '<div class="small">There is something to export once all is removed.</div>'
EXPORT_STOPPED = '<div class="small">Stopped. Nothing was left.</div>'
FILLED_AGAIN = "Streaming keeps no fills: this takes as long as the removal did."
_JOBS = {
    "segmenter": "clicks",
    "detector": "words",
    "proposer": "finding",
    "propagator": "tracking",
    "inpainter": "filling",
}
_ORIGINS: dict[Origin, str] = {
    "drawn": "painted",
    "tracked": "as tracked",
    "words": "found by words",
    "proposed": "found, stands out",
}
_ROUNDING = ((20, 2), (120, 10), (600, 60))  # below so many seconds, to a multiple of so many
_STAGES = {"track": "Following the object", "fill": "Filling the background"}


def heading(number: int, text: str) -> str:
    """Return the title of one step."""
    return f'<div class="heading"><span class="number">{number}</span>{escape(text)}</div>'


def duration(seconds: float) -> str:
    """Return a duration as people say it."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def bring_again(name: str) -> str:
    """Say that somebody's work is still here, but not their video."""
    return f"Your marks in {name} are still here, but not the video; bring it again to go on"


def about_video(session: Session) -> str:
    """Return the name and the facts of the video that was brought."""
    info = session.info
    facts = [f"{info.width} x {info.height}"]
    if info.num_frames:
        facts.append(f"{info.num_frames} frames")
        facts.append(f"{float(info.rate):.4g} fps")
    name = escape(session.name)
    return (
        f'<div class="filename" title="{name}">{name}</div>'
        f'<div class="small">{" &middot; ".join(facts)}</div>'
    )


def hint(session: Session) -> str:
    """Return what to do next in the frame looked at."""
    if session.showing == "masks":
        return "What was followed, frame by frame. To mend it, go to Edit."
    if session.showing == "repair":
        return "Click a good place, then paint over the bad one. Then press Remove."
    edit, name = session.edit, session.edit.object.name
    frames = [place.frame for place in edit.places_of(edit.current)]
    if session.view.index in frames:
        return "Missing a part? Click it. Too much? Right-click what does not belong."
    if session.view.labels is not None:
        return f"What was followed. Click, box or paint {name} here to mend it."
    if frames:
        return f"{name} is marked in frame {frames[0]}. Mark it here too if tracking loses it."
    if edit.masks:
        return "Click the next object you want to remove"
    return "Click the object you want to remove"


def marks(prompt: Prompt) -> str:
    """Return how an object is marked in a frame."""
    parts = ["box"] if prompt.box is not None else []
    parts += [_ORIGINS[prompt.origin]] if prompt.mask is not None else []
    number = len(prompt.points)
    parts += [f"{number} click" + ("s" if number > 1 else "")] if number else []
    return ", ".join(parts)


def marks_of(edit: Edit, object_id: int) -> str:
    """Return how an object is marked in all frames."""
    places = edit.places_of(object_id)
    if not places:
        return "not marked yet"
    if len(places) > 1:
        return f"in {len(places)} frames"
    return marks(edit.prompts[places[0]])


def waiting(place: int) -> str:
    """Return what who queues sees."""
    before = "1 removal is" if place == 1 else f"{place} removals are"
    return _bar(f"Waiting: {before} before yours", "", 0.0)


def starting(waits: Iterable[str] = ()) -> str:
    """Return what is shown before the first news, and what will take long."""
    notes = "".join(f'<div class="small">{escape(wait)}.</div>' for wait in waits)
    return _bar("Starting", "", 0.0) + notes


def engine_choices(job: str) -> list[tuple[str, str]]:
    """Return the engines for a job, for people and for `engines.choose`."""
    return [("the best there is", "auto")] + [
        (name if state.startswith("ready, ") else f"{name} ({state})", name)
        for name, state in table(job)
    ]


def guessed(seconds: float | None, *, is_correction: bool) -> str:
    """Return how long a removal will take, roughly."""
    if seconds is None:
        return ""
    step = next((step for limit, step in _ROUNDING if seconds < limit), 300)
    about = f"about {duration(max(step, round(seconds / step) * step))}"
    if is_correction:
        return f"At most {about}: only what changed is done again."
    return f"Takes {about}."


def running(progress: Progress, mode: Mode) -> str:
    """Return how far a removal is: stage, frames done, time left, and a bar for all of it."""
    share = 0.0 if not progress.total else min(1.0, progress.done / progress.total)
    if mode == "offline":  # two passes; filling is the second half of the bar
        share = share / 2 if progress.stage == "track" else 0.5 + share / 2
    total = f" of {progress.total}" if progress.total else ""
    left = progress.seconds_left
    return _bar(
        f"{_STAGES.get(progress.stage, 'Finishing')}: {progress.done}{total}",
        "" if left is None else f"{duration(max(1.0, left))} left",
        share,
    )


def exporting(progress: Progress | None, place: int, note: str) -> str:
    """Return how far an export is, and what is to be known of it."""
    below = _small(note) if note else ""
    if place:
        return _bar("Waiting for what others do", "", 0.0) + below
    if progress is None:
        return _bar("Starting", "", 0.0) + below
    share = 0.0 if not progress.total else min(1.0, progress.done / progress.total)
    doing = "Packing" if progress.stage == "pack" else "Writing"
    total = f" of {progress.total}" if progress.total else ""
    left = progress.seconds_left
    time = "" if left is None else f"{duration(max(1.0, left))} left"
    return _bar(f"{doing}: {progress.done}{total}", time, share) + below


def exported(name: str, num_bytes: int) -> str:
    """Return what was made, and how large it is."""
    return _bar(f"Ready: {name}", f"{max(num_bytes / 1e6, 0.1):,.1f} MB", 1.0)


def ended(result: Result) -> str:
    """Return how a removal ended."""
    if result.report is None:
        if result.clean is None and result.masks is None:
            return _sentence("Cancelled. Nothing was finished that could be kept.")
        return _sentence("Cancelled. What was finished can be seen and saved.")
    report = result.report
    is_part = 0 < report.frames_filled < report.frames
    anew = f", {report.frames_filled} filled," if is_part else ""
    notices = "".join(f'<div class="small">{escape(notice)}.</div>' for notice in report.notices)
    return (
        _bar(
            f"Done: {report.frames} frames{anew} in {duration(report.seconds)}",
            f"{report.fps:.1f} fps",
            1.0,
        )
        + notices
    )


def engines_at_work(segmenter: str, report: Report) -> str:
    """Return which engines did a removal."""
    return _engines("Done by", {"segmenter": segmenter, **report.engines}.items())


def engines_chosen(choices: Iterable[Choice]) -> str:
    """Return which engines this machine uses."""
    return _engines("Engines here", ((choice.job, choice.name) for choice in choices))


def _engines(title: str, pairs: Iterable[tuple[str, str]]) -> str:
    listed = ", ".join(
        f"{escape(_JOBS.get(job, job))}: <b>{escape(name)}</b>" for job, name in pairs
    )
    return f'<div class="small">{title} &mdash; {listed}</div>'


def _bar(left: str, right: str, share: float) -> str:
    return (
        f'<div class="progress"><p><span>{escape(left)}</span><span>{escape(right)}</span></p>'
        f'<div class="bar" role="progressbar" aria-valuenow="{share * 100:.0f}" aria-valuemin="0" '
        f'aria-valuemax="100"><div style="width:{share * 100:.1f}%"></div></div></div>'
    )


def _sentence(text: str) -> str:
    return f'<div class="progress"><p><span>{escape(text)}</span></p></div>'


def words_note(obstacle: str | None) -> str:
    """Return what stands below the box for words: what it understands, or why it is closed."""
    if obstacle is None:
        return _small("In English; several things at once are fine: car, dog.")
    if obstacle.endswith(MISSING):
        size = RECORDS["groundingdino"].bytes or 0
        return _small(f"Words need Grounding DINO ({size / 1e6:.0f} MB): Get it, or click.")
    return _small(f"Words cannot be used: {obstacle}. Click instead.")


def everything_note(proposer: str) -> str:
    """Return what Find objects finds with the engine there is."""
    if proposer == "classical":
        return _small("Find objects marks what moves; all there is, with SAM.")
    return _small("Find objects marks whatever stands out, moving or not.")


def looking(words: str | None, waits: Iterable[str] = ()) -> str:
    """Return what stands below the box for words while a frame is looked into."""
    what = "for objects" if words is None else f'for "{" ".join(words.split())[:60]}"'
    notes = "".join(f" {wait}." for wait in waits)
    return _small(f"Looking {what} ...{notes} Cancel stops it.")


def fetched(name: str) -> str:
    """Return what is said of a download that ended well."""
    state = "tried on the sample and in use" if has_torch() else "not tried: torch is missing"
    return _small(f"{name} is here, verified, {state}.")


def fetch_stopped(name: str) -> str:
    """Return what is said of a download that was stopped."""
    return _small(f"{name}: stopped. Download again goes on from there.")


def fetching(news: News | None) -> str:
    """Return how far a download is."""
    if news is None:
        return _bar("Asking the server", "", 0.0)
    if news.is_tested:
        return _bar(f"{news.name} is here. Trying it on the sample", "", 1.0)
    done, total = news.done / 1e6, (news.total or 0) / 1e6
    of_all = f" of {total:.0f}" if total else ""
    share = news.done / news.total if news.total else 0.0
    return _bar(f"Getting {news.name}: {done:.0f}{of_all} MB", f"{100 * share:.0f} %", share)


def model_choices() -> list[tuple[str, str]]:
    """Return the checkpoints that can be had, for people and by name."""
    there = on_disk()
    choices = []
    for name, record in RECORDS.items():
        size = (record.bytes or record.least_bytes) / 1e6
        facts = "here" if name in there else f"{size:.0f} MB" if size > 1 else record.licence
        choices.append((f"{name} ({facts}): {record.purpose}; {record.licence}", name))
    return choices


def _small(text: str) -> str:
    return f'<div class="small">{escape(text)}</div>'
