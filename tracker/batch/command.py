"""The command behind `python -m tracker batch`."""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from tracker.batch.cluster import run_on_ray
from tracker.batch.ledger import Ledger, Result
from tracker.batch.local import default_budget_mb, default_jobs, run_here
from tracker.batch.manifest import Item, read_items
from tracker.types import UserError
from tracker.whole import write_whole

_ENDINGS = {"mp4": ".mp4", "mkv": ".mkv", "png": ""}


def run_batch(options: argparse.Namespace) -> None:
    """Do all clips that are not done yet; end with a table.

    Raises:
        UserError: nothing can be started, or a clip failed.
    """
    items = read_items(options.source, options.options)
    _check_words(items)
    ending = _ENDINGS[options.format]
    ledger = Ledger(options.output, ending)
    ledger.prepare()
    results: list[Result] = []
    with closing(_results(items, ledger, ending, options)) as steps:
        for result in steps:
            results.append(result)
            if not options.quiet:
                print(f"{len(results)}/{len(items)} {_line(result)}", file=sys.stderr)
    order = {item.name: place for place, item in enumerate(items)}
    results.sort(key=lambda result: order[result.name])
    if not options.quiet:
        print(table(results))
    if options.json is not None:
        write_whole(options.json, json.dumps([asdict(r) for r in results], indent=1) + "\n")
    failed = [result for result in results if result.state == "failed"]
    if failed:
        raise UserError(
            f"{len(failed)} of {len(items)} clips failed ({failed[0].name}: {failed[0].reason}); "
            "run the same command again to try those"
        )


def table(results: Sequence[Result]) -> str:
    """Return a line per clip: what was done, how fast, and what failed and why."""
    width = max([len(result.name) for result in results] + [4]) + 2
    head = f"{'clip':<{width}}{'state':<13}{'frames':>7}{'seconds':>9}{'frames/s':>10}{'MB':>7}"
    lines = [f"{head}  reason"]
    for r in results:
        numbers = f"{r.frames:>7}{r.seconds:>9.1f}{r.fps:>10.1f}{r.peak_rss_mb:>7.0f}"
        lines.append(f"{r.name:<{width}}{r.state:<13}{numbers}  {r.reason}".rstrip())
    return "\n".join(lines)


def _results(
    items: Sequence[Item], ledger: Ledger, ending: str, options: argparse.Namespace
) -> Generator[Result]:
    if options.ray is not None:
        return run_on_ray(items, options.output, ending, options.ray)
    jobs, budget = options.jobs or default_jobs(), options.memory or default_budget_mb()
    return run_here(items, ledger, jobs, budget)


def _check_words(items: Sequence[Item]) -> None:
    """Refuse options that `remove` and `fill` do not know, before any clip is begun."""
    from tracker.arguments import Command, make_parser  # it imports our arguments

    commands: defaultdict[str, Command] = defaultdict(lambda: _nothing)
    parser = make_parser(commands)
    for item in items:
        for option in ("--masks-out", "--overlay-out", "--json"):
            if any(word.partition("=")[0] == option for word in item.options):
                raise UserError(f"{option} names one file, but a batch makes many; leave it out")
        parser.parse_args(item.words(Path("out"), Path("report.json")))


def _nothing(options: argparse.Namespace) -> None:
    """Do nothing: the words are only looked at."""


def _line(result: Result) -> str:
    return f"{result.name}: {result.state}" + (f", {result.reason}" if result.reason else "")
