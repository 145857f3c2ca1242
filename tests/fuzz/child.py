"""The process that runs the inputs: each has a limit of processor time, of wall time and of memory.

    python -m tests.fuzz.child SEED FIRST COUNT FOLDER NAMES

The system kills it (SIGPROF, SIGALRM) if an input takes too long, even inside a library that never returns. The number
of the input lies in FOLDER/current, what was wrong in FOLDER/findings.jsonl; its parent goes on behind it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fuzz.attempt import Case, FuzzFinding, InputFault, attempt, make_case
from tests.fuzz.requests import serve

CPU_SECONDS = 10.0  # of one input of at most some hundred kilobytes; a megabyte of prose takes two
WALL_SECONDS = 300.0  # a busy machine is no fault of the parser
MEMORY_BYTES = 768 << 20  # more than before the first input; an archive may hold 128 MiB of text by its limits
ADDRESS_BYTES = 4 << 30
MIB = 1 << 20


def main(seed: int, first: int, count: int, folder: Path, names: tuple[str, ...]) -> None:
    """Run inputs one after the other, and end early if one took more memory than it may."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_BYTES, ADDRESS_BYTES))
    with (folder / "findings.jsonl").open("a") as findings, serve(is_needed="http" in names):
        make_case(seed, first, names)  # whatever seeds need is imported and made before it is measured
        start = peak_bytes()
        current = os.open(folder / "current", os.O_CREAT | os.O_WRONLY)
        for number in range(first, first + count):
            case = make_case(seed, number, names)
            os.pwrite(current, f"{number:<12}".encode(), 0)
            before = peak_bytes()
            with limits():
                finding = attempt(case)
            over = peak_bytes() > max(before, start + MEMORY_BYTES)
            if over:
                finding = FuzzFinding(InputFault.OVER_MEMORY, f"{case.target}: {(peak_bytes() - start) // MIB} MiB")
            if finding:
                findings.write(json.dumps([number, finding.fault.value, finding.signature]) + "\n")
                findings.flush()
            if over:
                return


@contextmanager
def limits() -> Iterator[None]:
    """Let the system kill this process if what happens inside takes too long."""
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def peak_bytes() -> int:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def replay(case: Case) -> FuzzFinding | None:
    """Run one input in this process, within the same limits of time and memory."""
    start = peak_bytes()
    with serve(is_needed=case.target == "http"), limits():
        finding = attempt(case)
    over = peak_bytes() - start > MEMORY_BYTES
    return (
        FuzzFinding(InputFault.OVER_MEMORY, f"{case.target}: {(peak_bytes() - start) // MIB} MiB") if over else finding
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), tuple(sys.argv[5].split(",")))
