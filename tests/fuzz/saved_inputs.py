"""Inputs that did what must not happen: counted, the smallest of each kind kept in a folder and made smaller."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.attempt import Case, FuzzFinding, InputFault, attempt

FOLDER = Path("build/fuzz")
SHRINK_SECONDS = 5.0  # for each input
SEPARATOR = "--"  # between the target and the rest of a file's name


def load(path: Path) -> Case:
    """Read an input that was saved."""
    return Case(path.name.partition(SEPARATOR)[0], path.read_bytes())


class SavedInputs:
    """The inputs by what they did."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counts: Counter[InputFault] = Counter()
        self._cases: dict[FuzzFinding, Case] = {}
        self._occurrences: Counter[FuzzFinding] = Counter()
        self._lock = threading.Lock()

    def add(self, finding: FuzzFinding, case: Case) -> None:
        """Count an input, and save it if it is the smallest of its kind."""
        with self._lock:
            self.counts[finding.fault] += 1
            self._occurrences[finding] += 1
            if finding not in self._cases or len(case.raw) < len(self._cases[finding].raw):
                self._cases[finding] = case
                self.save(finding)

    def save(self, finding: FuzzFinding) -> Path:
        """Write an input, and return where it is."""
        case = self._cases[finding]
        digest = hashlib.sha256(finding.signature.encode()).hexdigest()[:8]
        path = self.folder / f"{case.target}{SEPARATOR}{digest}.bin"
        self.folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(case.raw)
        return path

    def shrink(self) -> None:
        """Make each input that ends in an exception smaller, as long as it does the same."""
        for finding, case in self._cases.items():
            if finding.fault is InputFault.CRASH and case.target != "http" and attempt(case) == finding:
                self._cases[finding] = shrink(case, finding)
                self.save(finding)

    def describe(self) -> Iterator[str]:
        """Yield what was wrong, and how to run it again."""
        for finding, times in self._occurrences.most_common():
            yield f"{times:6} x {finding.fault.value}: {finding.signature}"
            yield f"         python -m tests.fuzz --replay {self.save(finding)}"


def shrink(case: Case, finding: FuzzFinding) -> Case:
    """Cut pieces out of an input while it does the same, for some seconds."""
    deadline, size = time.monotonic() + SHRINK_SECONDS, len(case.raw) // 2
    while size and time.monotonic() < deadline:
        place = 0
        while place < len(case.raw) and time.monotonic() < deadline:
            smaller = Case(case.target, case.raw[:place] + case.raw[place + size :])
            if attempt(smaller) == finding:
                case = smaller
            else:
                place += size
        size //= 2
    return case
