"""The command: `python -m benchmarks w1 w3 --rounds 5`, or `python -m benchmarks all`."""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import table
from benchmarks.bars import bars
from benchmarks.plot import can_draw, draw
from benchmarks.results import Results, plain
from benchmarks.run import run
from benchmarks.subject import NOT_PEERS, SUBJECTS
from benchmarks.versions import versions
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
# docs/performance.md includes the page and shows the plot.
PUBLISHED_PAGE = ROOT / "benchmarks" / "published.md"
PUBLISHED_PLOT = ROOT / "docs" / "performance.png"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the workloads, prints their results, and writes them to the results' folder."""
    options = _parser().parse_args(arguments)
    if options.publish and not can_draw():
        raise SystemExit("--publish needs matplotlib: run nox -s bench, which installs it")
    asked = runnable(options.workloads)
    names = [name for name in SUBJECTS if name in {*options.subjects, *NOT_PEERS}]
    made_with = versions(names)
    print("; ".join(made_with), f"medians of {options.rounds} rounds", sep="\n", end="\n\n", flush=True)
    runs: list[Results] = []
    for asked_for in asked:
        results = run(
            WORKLOADS[asked_for], names, rounds=options.rounds, is_quick=options.quick, progress=_show_progress
        )
        runs.append(results)
        print(_report(results), flush=True)
    _write(runs, made_with, is_published=options.publish)


def runnable(names: Sequence[str]) -> list[str]:
    """Returns the names of the workloads to run; "all" stands for each whose program is installed.

    Raises `SystemExit` if a workload is named whose program is not installed.
    """
    asked = list(WORKLOADS) if "all" in names else list(names)
    programs = {name: program for name in asked if (program := WORKLOADS[name].program)}
    missing = {name: program for name, program in programs.items() if shutil.which(program) is None}
    for name, program in missing.items():
        if "all" not in names:
            raise SystemExit(f"{name} needs {program}, which is not on the PATH: install it")
        print(f"{name} is left out: it needs {program}, which is not on the PATH")
    return [name for name in asked if name not in missing]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure jero and its peers.")
    parser.add_argument("workloads", nargs="+", choices=[*WORKLOADS, "all"], metavar="workload", type=str.lower)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each subject, in turn (5)")
    parser.add_argument("--quick", action="store_true", help="small sizes, for a trial; the figures mean nothing")
    parser.add_argument("--publish", action="store_true", help="show this run in the documentation")
    parser.add_argument("--subjects", nargs="*", default=list(SUBJECTS), choices=list(SUBJECTS), metavar="subject")
    return parser


def _show_progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _report(results: Results) -> str:
    title = f"{results.workload.name}: {results.workload.title}"
    parts = [table.plain(table.rows(results)), bars(results), table.plain(table.targets(results))]
    return "\n\n".join([f"{title}\n{'-' * len(title)}", *parts, ""])


def _write(runs: Sequence[Results], made_with: Sequence[str], *, is_published: bool) -> None:
    RESULTS.mkdir(exist_ok=True)
    name = "-".join(results.workload.name.lower() for results in runs) if len(runs) < len(WORKLOADS) else "all"
    page, plot = RESULTS / f"{name}.md", RESULTS / f"{name}.png"
    page.write_text(_page(runs, made_with), "utf-8")
    rounds = {results.workload.name: plain(results) for results in runs}
    (RESULTS / f"{name}.json").write_text(json.dumps({"made_with": made_with, "rounds": rounds}, indent=1), "utf-8")
    if can_draw():
        draw(runs, plot)
        print(f"written: {RESULTS / name}.md, .json, .png")
    else:
        print(f"written: {RESULTS / name}.md, .json, and no plot: matplotlib is not installed")
    if is_published:
        shutil.copyfile(page, PUBLISHED_PAGE)
        shutil.copyfile(plot, PUBLISHED_PLOT)


def _page(runs: Sequence[Results], made_with: Sequence[str]) -> str:
    parts = [f"{', '.join(made_with)}.\n"]
    for results in runs:
        parts.append(f"### {results.workload.name}: {results.workload.title}\n")
        parts += [table.markdown(rows) + "\n" for rows in (table.rows(results), table.targets(results))]
    return "\n".join(parts)


if __name__ == "__main__":
    main()
