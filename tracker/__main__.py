"""The command line: `python -m tracker` (or `cleanplate`, once installed).

Exit codes: 0 done; 2 something the user can put right, said in one line; 130 Ctrl-C.
"""

import argparse
import dataclasses
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from types import FrameType

from tracker import checkpoints, engines, selftest, verdicts
from tracker.arguments import Command, make_parser
from tracker.downloads import download
from tracker.evidence import doubts_in_words
from tracker.exports.flags import export_paths, with_exports
from tracker.jobs import Job, Progress, Report, Settings
from tracker.keyframes import parse_keyframes
from tracker.live.command import do_live, live_job, tell
from tracker.motions import parse_motions
from tracker.outputs import output_paths
from tracker.project_command import job_of_project, save_job
from tracker.published import DEFAULT
from tracker.removal import expectations, run_job
from tracker.spans import fill_span
from tracker.targets import point, said_in, search_of
from tracker.types import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = make_parser(COMMANDS).parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        options.command(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    return 0


def _remove(options: argparse.Namespace) -> None:
    if options.project is not None:
        _check_outputs(options.overwrite, options.masks_out, *export_paths(options))
        _run(options, with_exports(job_of_project(options), options))
        return
    if options.input is None or options.output is None:
        raise UserError("INPUT and OUTPUT are needed, or --project FILE")
    if isinstance(options.input, str):
        _remove_live(options, options.input)
        return
    job = _prompted_job(options, output=options.output, masks_out=options.masks_out)
    if options.save_project is not None:
        save_job(options.save_project, job, said_in(options), overwrite=options.overwrite)
    _run(options, job)


def _remove_live(options: argparse.Namespace, address: str) -> None:
    _check_outputs(options.overwrite, options.output)
    details = Job(
        Path("live"),
        objects=options.objects,
        propagator=options.propagator,
        inpainter=options.inpainter,
        device=options.device,
        dilate=options.dilate,
        settings=_settings(options),
        overwrite=options.overwrite,
    )
    job = live_job(options, address, said_in(options), details)

    def say(sentence: str) -> None:
        if not options.quiet:
            print(sentence, file=sys.stderr)

    report = do_live(job, say)
    tell(job, report, say)
    if options.json is not None:
        _write_json(options.json, dataclasses.asdict(report))


def _track(options: argparse.Namespace) -> None:
    _run(options, _prompted_job(options, output=None, masks_out=options.masks))


def _fill(options: argparse.Namespace) -> None:
    job = Job(
        options.input,
        options.output,
        masks=options.masks,
        objects=options.objects,
        keyframes=parse_keyframes(options.keyframe),
        mode=options.mode,
        inpainter=options.inpainter,
        device=options.device,
        commercial=options.commercial,
        first=options.first,
        last=options.last,
        dilate=options.dilate,
        settings=_settings(options),
        fps=options.fps,
        overwrite=options.overwrite,
    )
    job = with_exports(job, options)
    _run(options, job, run_job if options.spans is None else partial(fill_span, span=options.spans))


def _prompted_job(options: argparse.Namespace, output: Path | None, masks_out: Path | None) -> Job:
    """Find out what is pointed at; say what was found without pointing."""
    _check_outputs(options.overwrite, output, masks_out, *export_paths(options))
    pointed = point(options)
    if not options.quiet:
        for sentence in pointed.sentences:
            print(sentence, file=sys.stderr)
    job = Job(
        options.input,
        output,
        pointed.prompted,
        made_by=pointed.engines,
        names=pointed.names,
        search=search_of(options),
        redetect=options.redetect,
        refine=options.refine,
        objects=getattr(options, "objects", None),
        keyframes=parse_keyframes(getattr(options, "keyframe", [])),
        motion=parse_motions(options.motion),
        mode=options.mode,
        propagator=options.propagator,
        inpainter=getattr(options, "inpainter", "auto"),
        device=options.device,
        commercial=options.commercial,
        first=options.first,
        last=options.last,
        dilate=getattr(options, "dilate", None),
        masks_out=masks_out,
        settings=_settings(options),
        fps=options.fps,
        overwrite=options.overwrite,
    )
    return with_exports(job, options)


def _settings(options: argparse.Namespace) -> Settings:
    """Return what was said of how engines work; a verb has only the options that matter."""
    fields = [field.name for field in dataclasses.fields(Settings)]
    return Settings(**{name: getattr(options, name) for name in fields if hasattr(options, name)})


def _check_outputs(overwrite: bool, *paths: Path | None) -> None:
    """Refuse files that exist before any work is done."""
    for path in paths:
        if path is not None and path.exists() and not overwrite:
            raise UserError(f"{path} exists; choose another name or pass --overwrite")


def _run(
    options: argparse.Namespace,
    job: Job,
    run: Callable[[Job], Generator[Progress]] = run_job,
) -> None:
    job = dataclasses.replace(
        job, keep=options.keep, earlier=options.earlier, resume=options.resume
    )
    if not options.quiet:
        for notice in expectations(job):
            print(f"note: {notice}", file=sys.stderr)
    show = _ignore if options.quiet else _Line()
    report = None
    with closing(run(job)) as steps, _Interrupt() as interrupt:
        for progress in steps:
            show(progress)
            report = progress.report
            interrupt.check()
    if report is None:
        raise RuntimeError("the job ended without a report")
    if not options.quiet:
        _say_what_was_done(report, output_paths(job))
    if options.json is not None:
        _write_json(options.json, dataclasses.asdict(report))


class _Interrupt:
    """Remembers Ctrl-C: raised inside a callback of a C library, the exception is lost."""

    def __init__(self) -> None:
        self._came = False

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self._came:
            raise KeyboardInterrupt

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._came = True
        raise KeyboardInterrupt

    def __enter__(self) -> "_Interrupt":
        self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)


def _ignore(progress: Progress) -> None:
    """Show nothing."""


class _Line:
    """Progress on one line of stderr, or on a line per tenth where that is not a terminal."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._shown = ""

    def __call__(self, progress: Progress) -> None:
        if progress.stage == "done":
            if self._terminal and self._shown:
                print(file=sys.stderr)
            return
        total = progress.total
        text = f"{progress.stage} {progress.done}" + (f"/{total}" if total else "")
        tenth = f"{progress.stage} {progress.done * 10 // total if total else progress.done // 50}"
        if self._terminal:
            left = progress.seconds_left
            text += "" if left is None else f", {left:.0f} s left"
            print(f"\r{text:<60}", end="", flush=True, file=sys.stderr)
        elif tenth != self._shown:
            print(text, file=sys.stderr)
        self._shown = tenth


def _say_what_was_done(report: Report, paths: Sequence[Path]) -> None:
    for notice in (*report.notices, *doubts_in_words(report.objects)):
        print(f"note: {notice}", file=sys.stderr)
    names = ", ".join(map(str, paths))
    made_by = ", ".join(f"{job} {name}" for job, name in report.engines.items())
    print(
        f"{names}: {report.frames} frames in {report.seconds:.1f} s "
        f"({report.fps:.1f} frames per second; {made_by})",
        file=sys.stderr,
    )


def _write_json(path: Path, report: Mapping[str, object]) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        partial.write_text(json.dumps(report, indent=2) + "\n")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def _engines(options: argparse.Namespace) -> None:
    for choice in engines.describe(options.device, commercial=options.commercial):
        print(f"{choice.job:<11} {choice.name} on {choice.device}: {choice.reason}")
        for name, state in engines.table(choice.job):
            print(f"    {name:<16} {state}")


def _download(options: argparse.Namespace) -> None:
    names = options.names or DEFAULT
    shown = ""

    def report(name: str, done: int, total: int | None) -> None:
        nonlocal shown
        text = f"{name}: {done >> 20} MB" + (f" of {total >> 20} MB" if total else "")
        if text != shown and not options.quiet:
            print(f"\r{text:<60}", end="", flush=True, file=sys.stderr)
        shown = text

    failed = []
    for name in names:
        (sentence,) = download([name], report)
        print(f"\r{sentence:<60}")
        if not engines.has_torch():
            print(f"{name}: not tested, and of no use without torch: bash script/install.sh full")
        elif not _say_verdict(selftest.judge(name)):
            failed.append(name)
    _require_none(failed)


def _selftest(options: argparse.Namespace) -> None:
    if not options.names:
        for job, mark in selftest.judge_own():
            print(f"classical {job}: {mark}")
    names = options.names or sorted(checkpoints.on_disk())
    failed = [name for name in names if not _say_verdict(selftest.judge(name, options.device))]
    if not names:
        print("no weights in ckpt/; get some with: python -m tracker download")
    _require_none(failed)


def _require_none(failed: Sequence[str]) -> None:
    if failed:
        report = checkpoints.folder() / verdicts.REPORT
        raise UserError(
            f"{', '.join(failed)} failed and will not be used unless asked for by name; "
            f"why: {report}"
        )


def _say_verdict(verdict: verdicts.Verdict) -> bool:
    word = "passed" if verdict.passed else "FAILED"
    print(f"{verdict.name}: self-test {word}: {verdict.reason}")
    return verdict.passed


def _page(options: argparse.Namespace) -> None:
    from tracker.ui import build_demo, launch_options

    wanted = launch_options(options.host, options.port, options.share, options.auth)
    build_demo().launch(**wanted)


COMMANDS: Mapping[str, Command] = {
    "remove": _remove,
    "track": _track,
    "fill": _fill,
    "engines": _engines,
    "download": _download,
    "selftest": _selftest,
    "page": _page,
}


if __name__ == "__main__":
    sys.exit(main())
