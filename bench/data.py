"""Compare preparing data with `axolotl preprocess` of the same rows and with the tokenizer alone: `make bench-data`.

Ten novels (709k words) become checked training data, in turns with the two others, and so does four times the text.
Every run is a process of its own. "work" leaves out starting, importing and loading the tokenizer, "total" does not.
Our modules are compiled before the clock starts, as they are in the images, and as Axolotl's are in its environment.
The last line is `data: floor_ratio=<ours/floor, work> axolotl_ratio=<axolotl/ours, total> peak_mb=<ours>`.
With `--book` it prepares one text of a hundred megabytes, once, in two minutes, and prints the memory that it takes.
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
BOOK_COPIES = 25  # copies of ten novels: about 100 MB
COMPILE_VARIABLES = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(DEMO.parent / "compiled")}
NOVELS = DEMO / "packages" / CORPORA / "problemG"
RUN_NAMES = ("prepare", "encode_batch", "axolotl preprocess")


@dataclass(frozen=True)
class Run:
    """Seconds without and with start-up, and the peak memory of the process."""

    work: float
    total: float
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
        single, copied = measure(Path(folder), options.rounds, options.axolotl_rounds)
    ours, floor, axolotl = (single[name] for name in RUN_NAMES)
    slowdown = median_of(copied["prepare"], "work") / median_of(ours, "work")
    print(f"{COPIES} times the text takes {slowdown:.2f} times the work")
    floor_ratio = median_of(ours, "work") / median_of(floor, "work")
    axolotl_ratio = median_of(axolotl, "total") / median_of(ours, "total")
    peak = max(run.peak_mb for run in ours)
    print(f"data: floor_ratio={floor_ratio:.2f} axolotl_ratio={axolotl_ratio:.2f} peak_mb={peak:.0f}")


def measure_book() -> None:
    """Prepare a text of a hundred megabytes."""
    with tempfile.TemporaryDirectory(prefix="bench-data-") as folder:
        file = Path(folder) / "book.txt"
        run_child("book", NOVELS, file)
        prepared = run_child("prepare", file, Path(folder) / "dataset")
        print(f"book: mb={file.stat().st_size / 1e6:.0f} s={prepared.work:.0f} peak_mb={prepared.peak_mb:.0f}")


def measure(folder: Path, rounds: int, axolotl_rounds: int) -> tuple[Runs, Runs]:
    """Run everything in turns: on the novels, and on COPIES times as much text."""
    copies = folder / "copies"
    run_child("compile")
    run_child("copy", NOVELS, copies)
    single: dict[str, list[Run]] = defaultdict(list)
    copied: dict[str, list[Run]] = defaultdict(list)
    for number in range(rounds):
        for books, runs in ((NOVELS, single), (copies, copied)):
            dataset = folder / f"{books.name}{number}"
            runs["prepare"].append(run_child("prepare", books, dataset))
            runs["encode_batch"].append(run_child("encode", dataset))
            if books == NOVELS and number < axolotl_rounds:
                runs["axolotl preprocess"].append(run_axolotl(dataset, folder / f"axolotl{number}"))
    for books, runs in ((NOVELS, single), (copies, copied)):
        print_table(sum(len(path.read_bytes().split()) for path in books.glob("*.txt")), runs)
    return single, copied


def print_table(words: int, runs: Runs) -> None:
    """Print a table of medians."""
    print(f"\n{f'{words:,} words':22}{'work s':>8}{'total s':>9}{'words/s of work':>17}{'peak MB':>9}{'rounds':>8}")
    for name, series in runs.items():
        work, total, peak = median_of(series, "work"), median_of(series, "total"), max(run.peak_mb for run in series)
        print(f"{name:22}{work:8.2f}{total:9.2f}{words / work:17,.0f}{peak:9.0f}{len(series):8}")


def median_of(runs: Sequence[Run], field: str) -> float:
    """Return the median of one field."""
    return median(getattr(run, field) for run in runs)


def run_child(task: str, *paths: Path) -> Run:
    """Run a task of bench.data_child, which prints its seconds of work at the end."""
    total, peak, output = run([sys.executable, "-m", "bench.data_child", task, *map(str, paths)], COMPILE_VARIABLES)
    return Run(float(output.split()[-1]), total, peak)


def run_axolotl(dataset: Path, folder: Path) -> Run:
    """Let Axolotl tokenise the rows of a dataset, with an empty cache; its work includes its start-up."""
    folder.mkdir()
    rows = folder / "rows.jsonl"
    rows.write_bytes(b"".join((dataset / f"{name}.jsonl").read_bytes() for name in ("train", "dev", "test")))
    config = json.loads((dataset / "config.json").read_text())
    config |= {"datasets": [{**config["datasets"][0], "path": str(rows)}], "dataset_prepared_path": str(folder / "out")}
    (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
    command = [str(ENVS / "axolotl" / "bin" / "axolotl"), "preprocess", str(folder / "config.yaml"), "--no-download"]
    offline = {"HF_HUB_OFFLINE": "1", "AXOLOTL_DO_NOT_TRACK": "1", "HF_DATASETS_CACHE": str(folder / "cache")}
    total, peak, _ = run(command, offline)
    return Run(total, total, peak)


def run(command: Sequence[str], variables: Mapping[str, str]) -> tuple[float, float, str]:
    """Return seconds, peak memory (MB, of the largest process) and output of a command; exit if it fails."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "CUDA_VISIBLE_DEVICES": "", **variables}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=errors, env=environment, cwd=PROJECT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{errors.read().decode(errors='replace')[-3000:]}")
        return seconds, usage.ru_maxrss * 1024 / 1e6, output.read().decode(errors="replace")


if __name__ == "__main__":
    main()
