"""Preparing data against `axolotl preprocess` of the same rows and against the tokenizer alone: `make bench-data`.

Ten novels (709k words) become checked training data, in turns with the two others, and so does four times the text.
Every run is a process of its own. "work" leaves out starting, importing and loading the tokenizer, "whole" does not.
Our modules are compiled before the clock runs, as they are in the images, and as Axolotl's are in its environment.
The last line is `data: floor_ratio=<ours/floor, work> axolotl_ratio=<axolotl/ours, whole> peak_mb=<ours>`.
With `--book` it is only one text of a hundred megabytes, once: two minutes, and how much memory they take.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from scriptorium.local.demo_assets import CORPORA, demo_assets
from scriptorium.local.environments import DEMO, ENVS, PROJECT

COPIES = 4
LIBRARY = 25  # copies of ten novels: about 100 MB
COMPILED = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(DEMO.parent / "compiled")}
NOVELS = DEMO / "packages" / CORPORA / "problemG"
NAMES = ("prepare", "encode_batch", "axolotl preprocess")


@dataclass(frozen=True)
class Run:
    """Seconds without and with starting up, and the most memory that the process held."""

    work: float
    whole: float
    peak_mb: float


Runs = Mapping[str, Sequence[Run]]


def main() -> None:
    """Measure, print the tables and the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--axolotl-rounds", type=int, default=2, help="one takes about half a minute")
    parser.add_argument("--book", action="store_true", help="one text of a hundred megabytes instead")
    options = parser.parse_args()
    demo_assets()
    if options.book:
        return measure_book()
    with tempfile.TemporaryDirectory(prefix="bench-data-") as folder:
        once, often = measure(Path(folder), options.rounds, options.axolotl_rounds)
    ours, floor, theirs = (once[name] for name in NAMES)
    slower = middle(often["prepare"], "work") / middle(ours, "work")
    print(f"{COPIES} times the text takes {slower:.2f} times the work")
    floor_ratio = middle(ours, "work") / middle(floor, "work")
    axolotl_ratio = middle(theirs, "whole") / middle(ours, "whole")
    peak = max(run.peak_mb for run in ours)
    print(f"data: floor_ratio={floor_ratio:.2f} axolotl_ratio={axolotl_ratio:.2f} peak_mb={peak:.0f}")


def measure_book() -> None:
    """Prepare a text of a hundred megabytes."""
    with tempfile.TemporaryDirectory(prefix="bench-data-") as folder:
        file = Path(folder) / "book.txt"
        run_child("book", NOVELS, file)
        found = run_child("prepare", file, Path(folder) / "dataset")
        print(f"book: mb={file.stat().st_size / 1e6:.0f} s={found.work:.0f} peak_mb={found.peak_mb:.0f}")


def measure(folder: Path, rounds: int, axolotl_rounds: int) -> tuple[Runs, Runs]:
    """Run everything in turns: on the novels, and on COPIES times as much text."""
    copies = folder / "copies"
    run_child("compile")
    run_child("copy", NOVELS, copies)
    once: dict[str, list[Run]] = defaultdict(list)
    often: dict[str, list[Run]] = defaultdict(list)
    for number in range(rounds):
        for books, runs in ((NOVELS, once), (copies, often)):
            dataset = folder / f"{books.name}{number}"
            runs["prepare"].append(run_child("prepare", books, dataset))
            runs["encode_batch"].append(run_child("encode", dataset))
            if books == NOVELS and number < axolotl_rounds:
                runs["axolotl preprocess"].append(run_axolotl(dataset, folder / f"axolotl{number}"))
    for books, runs in ((NOVELS, once), (copies, often)):
        show(sum(len(path.read_bytes().split()) for path in books.glob("*.txt")), runs)
    return once, often


def show(words: int, runs: Runs) -> None:
    """A table of medians."""
    print(f"\n{f'{words:,} words':22}{'work s':>8}{'whole s':>9}{'words/s of work':>17}{'peak MB':>9}{'rounds':>8}")
    for name, found in runs.items():
        work, whole, peak = middle(found, "work"), middle(found, "whole"), max(run.peak_mb for run in found)
        print(f"{name:22}{work:8.2f}{whole:9.2f}{words / work:17,.0f}{peak:9.0f}{len(found):8}")


def middle(runs: Sequence[Run], what: str) -> float:
    """The median of one number."""
    return median(getattr(run, what) for run in runs)


def run_child(task: str, *paths: Path) -> Run:
    """Run a task of bench.data_child, which prints its seconds of work last."""
    whole, peak, output = run([sys.executable, "-m", "bench.data_child", task, *map(str, paths)], COMPILED)
    return Run(float(output.split()[-1]), whole, peak)


def run_axolotl(dataset: Path, folder: Path) -> Run:
    """Let Axolotl tokenise the rows of a dataset, with an empty cache; what of it is work cannot be told."""
    folder.mkdir()
    rows = folder / "rows.jsonl"
    rows.write_bytes(b"".join((dataset / f"{name}.jsonl").read_bytes() for name in ("train", "dev", "test")))
    config = json.loads((dataset / "config.json").read_text())
    config |= {"datasets": [{**config["datasets"][0], "path": str(rows)}], "dataset_prepared_path": str(folder / "out")}
    (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
    line = [str(ENVS / "axolotl" / "bin" / "axolotl"), "preprocess", str(folder / "config.yaml"), "--no-download"]
    offline = {"HF_HUB_OFFLINE": "1", "AXOLOTL_DO_NOT_TRACK": "1", "HF_DATASETS_CACHE": str(folder / "cache")}
    whole, peak, _ = run(line, offline)
    return Run(whole, whole, peak)


def run(line: Sequence[str], variables: Mapping[str, str]) -> tuple[float, float, str]:
    """Seconds, peak memory (MB, of the largest process) and output of a command; exits where it fails."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "CUDA_VISIBLE_DEVICES": "", **variables}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(line, stdout=output, stderr=errors, env=environment, cwd=PROJECT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            sys.exit(f"{' '.join(line)} failed:\n{errors.read().decode(errors='replace')[-3000:]}")
        return seconds, usage.ru_maxrss * 1024 / 1e6, output.read().decode(errors="replace")


if __name__ == "__main__":
    main()
