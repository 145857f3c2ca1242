"""Throw bad input at every parser and at the API: `make fuzz`, or `python -m tests.fuzz`.

    python -m tests.fuzz [--inputs 100000] [--seed N] [--only docx,http]
    python -m tests.fuzz --replay build/fuzz/docx--1a2b3c4d.bin ...

The seed is printed; with it, the same inputs come again. Of inputs that do the same wrong thing the smallest is kept,
in build/fuzz. Its last line is `fuzz: inputs=<n> crashes=<n> errors_5xx=<n> over_time=<n> over_memory=<n>`.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.attempt import InputFault
from tests.fuzz.child import replay
from tests.fuzz.inputs_run import Chunk, InputsRun, list_chunks
from tests.fuzz.saved_inputs import FOLDER, SavedInputs, load
from tests.fuzz.targets import TARGETS

INPUTS = 100_000
PROCESSES = 2
PROGRESS_SECONDS = 5.0


def main(words: list[str]) -> int:
    """Run the inputs, or one again; return 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--inputs", type=int, default=INPUTS)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--only", default=",".join([*TARGETS, "http"]))
    parser.add_argument("--replay", type=Path, nargs="+", help="saved inputs")
    options = parser.parse_args(words)
    if options.replay:
        return run_again(options.replay)
    names = tuple(name for name in options.only.split(",") if name in TARGETS or name == "http")
    write(f"seed {options.seed}; the same inputs again: python -m tests.fuzz --seed {options.seed}")
    return fuzz(options.seed, list_chunks(options.inputs, names))


def run_again(paths: list[Path]) -> int:
    """Run saved inputs; return 0 if nothing was wrong. One that takes too long ends this process by a signal."""
    findings = 0
    for path in paths:
        finding = replay(load(path))
        findings += finding is not None
        write(f"{path.name}: " + (f"{finding.fault.value}, {finding.signature}" if finding else "as it should be"))
    return 1 if findings else 0


def fuzz(seed: int, chunks: list[Chunk]) -> int:
    """Run the chunks in child processes, two at a time; return 0 if nothing was wrong."""
    total, start = sum(chunk.count for chunk in chunks), time.monotonic()
    saved = SavedInputs(FOLDER)
    run = InputsRun(seed, saved)
    with ThreadPoolExecutor(PROCESSES) as pool:
        tasks = [pool.submit(run.run_chunk, chunk) for chunk in chunks]
        while not all(task.done() for task in tasks):
            time.sleep(PROGRESS_SECONDS)
            seconds = time.monotonic() - start
            write(f"{run.count_inputs():,} of {total:,} inputs, {sum(saved.counts.values())} findings, {seconds:.0f} s")
        for task in tasks:
            task.result()
    saved.shrink()
    for line in saved.describe():
        write(line)
    write(summary(run.count_inputs(), saved.counts))
    return 1 if saved.counts else 0


def summary(inputs: int, counts: Counter[InputFault]) -> str:
    """Return the last line."""
    return f"fuzz: inputs={inputs} " + " ".join(f"{fault.value}={counts[fault]}" for fault in InputFault)


def write(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
