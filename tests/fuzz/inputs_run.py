"""Chunks of inputs, each run by a child process, which is started anew behind an input that killed it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.attempt import FuzzFinding, InputFault, make_case
from tests.fuzz.requests import REQUESTS
from tests.fuzz.saved_inputs import SavedInputs
from tests.fuzz.targets import TARGETS

CHUNK_INPUTS = 5000  # a child that lives for ever would hide what leaks
FAULTS_BY_SIGNAL = {
    signal.SIGPROF: InputFault.OVER_TIME,
    signal.SIGALRM: InputFault.OVER_TIME,
    signal.SIGKILL: InputFault.OVER_MEMORY,  # by the system, which had none left
}


@dataclass(frozen=True)
class Chunk:
    """Inputs by their numbers, and the names of the targets that they are drawn for."""

    first: int
    count: int
    names: tuple[str, ...]


def list_chunks(inputs: int, names: tuple[str, ...]) -> list[Chunk]:
    """Return all inputs in chunks: those of parsers, and those of the API, which needs a server beside them."""
    parsers = tuple(name for name in names if name != "http")
    weights = {parsers: sum(TARGETS[name].weight for name in parsers)} if parsers else {}
    weights |= {("http",): REQUESTS.weight} if "http" in names else {}
    chunks = []
    for group, weight in weights.items():
        end = round(inputs * weight / sum(weights.values()))
        chunks += [Chunk(first, min(CHUNK_INPUTS, end - first), group) for first in range(0, end, CHUNK_INPUTS)]
    return chunks


class InputsRun:
    """Runs the inputs of one seed."""

    def __init__(self, seed: int, saved: SavedInputs) -> None:
        self.seed = seed
        self.saved = saved
        self._inputs: dict[Chunk, int] = {}

    def count_inputs(self) -> int:
        """Return how many inputs were run so far."""
        return sum(self._inputs.values())

    def run_chunk(self, chunk: Chunk) -> None:
        """Run the inputs of a chunk, by as many processes as it takes."""
        first, end = chunk.first, chunk.first + chunk.count
        while first < end:
            first = self.run_child(chunk, first, end) + 1

    def run_child(self, chunk: Chunk, first: int, end: int) -> int:
        """Run inputs in one process, and return the number of the last one that it ran."""
        with tempfile.TemporaryDirectory(prefix="scr-") as name:
            folder = Path(name)
            line = [sys.executable, "-m", "tests.fuzz.child", str(self.seed), str(first), str(end - first), name]
            env = {**os.environ, "TMPDIR": name}
            with (folder / "output").open("wb") as output:
                child = subprocess.Popen(
                    [*line, ",".join(chunk.names)], env=env, stdout=output, stderr=output, process_group=0
                )
                try:
                    while (status := poll(child)) is None:
                        self._inputs[chunk] = read_current(folder, first) - chunk.first
                finally:
                    with suppress(ProcessLookupError):
                        os.killpg(child.pid, signal.SIGKILL)  # the store of an API that was killed
                    child.wait()
            if status > 0:
                raise RuntimeError(f"the process of the inputs failed:\n{(folder / 'output').read_text()[-4000:]}")
            last = read_current(folder, first)
            self.take(chunk, read_findings(folder))
            if status < 0:
                fault = FAULTS_BY_SIGNAL.get(signal.Signals(-status), InputFault.CRASH)
                target = make_case(self.seed, last, chunk.names).target
                self.take(chunk, [(last, FuzzFinding(fault, f"{target}: {signal.Signals(-status).name}"))])
            self._inputs[chunk] = last + 1 - chunk.first
            return last

    def take(self, chunk: Chunk, findings: Iterable[tuple[int, FuzzFinding]]) -> None:
        """Save what was wrong, with the inputs by their numbers."""
        for number, finding in findings:
            self.saved.add(finding, make_case(self.seed, number, chunk.names))


def poll(child: subprocess.Popen[bytes]) -> int | None:
    """Wait a second for the end of a process; return its status, None if it goes on."""
    with suppress(subprocess.TimeoutExpired):
        return child.wait(1)
    return None


def read_current(folder: Path, first: int) -> int:
    """Return the number of the input that a child is at."""
    path = folder / "current"
    return int(path.read_text() or first) if path.exists() else first


def read_findings(folder: Path) -> list[tuple[int, FuzzFinding]]:
    """Return what a child has found, by the numbers of inputs."""
    path = folder / "findings.jsonl"
    lines = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    return [(number, FuzzFinding(InputFault(fault), signature)) for number, fault, signature in lines]
