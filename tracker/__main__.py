"""The command line: `python -m tracker` (or `cleanplate`, once installed).

Exit codes: 0 done; 2 something the user can put right, said in one line; 130 Ctrl-C.
"""

import argparse
import dataclasses
import logging
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import partial

from tracker import checkpoints, engines, selftest, verdicts
from tracker.arguments import Command, make_parser
from tracker.console import Interrupt, Line, say_what_was_done, write_json
from tracker.downloads import download
from tracker.exports.flags import export_paths, with_exports
from tracker.job_options import check_outputs, fill_job, prompted_job
from tracker.jobs import Job, Progress
from tracker.live.command import remove_live
from tracker.outputs import output_paths
from tracker.project_command import job_of_project, save_job
from tracker.published import DEFAULT
from tracker.removal import expectations, run_job
from tracker.spans import fill_span
from tracker.targets import said_in
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
        check_outputs(options.overwrite, options.masks_out, *export_paths(options))
        _run(options, with_exports(job_of_project(options), options))
        return
    if options.input is None or options.output is None:
        raise UserError("INPUT and OUTPUT are needed, or --project FILE")
    if isinstance(options.input, str):
        remove_live(options, options.input)
        return
    job = prompted_job(options, output=options.output, masks_out=options.masks_out)
    if options.save_project is not None:
        save_job(options.save_project, job, said_in(options), overwrite=options.overwrite)
    _run(options, job)


def _track(options: argparse.Namespace) -> None:
    _run(options, prompted_job(options, output=None, masks_out=options.masks))


def _fill(options: argparse.Namespace) -> None:
    job = fill_job(options)
    _run(options, job, run_job if options.spans is None else partial(fill_span, span=options.spans))


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
    show = None if options.quiet else Line()
    report = None
    with closing(run(job)) as steps, Interrupt() as interrupt:
        for progress in steps:
            if show is not None:
                show(progress)
            report = progress.report
            interrupt.check()
    if report is None:
        raise RuntimeError("the job ended without a report")
    if not options.quiet:
        say_what_was_done(report, output_paths(job))
    if options.json is not None:
        write_json(options.json, dataclasses.asdict(report))


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
