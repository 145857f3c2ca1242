"""The fault matrix: `make faults`, or `python -m tests.faults.matrix --injections 200 --seed 7`.

Two jobs at a time go through every phase, with the real Axolotl and the real vLLM on a tiny model, while one fault
after the other is done to the machine: at random moments, of those that this phase has had least. Two undisturbed jobs
on the same books come first; the others must end like them. After each fault everything must run again; after each pair
and at the end all that was acknowledged must be there, once, whole, and nothing may be left. The last line is
`faults: injected=<n> lost=<n> duplicated=<n> corrupted=<n> stuck=<n>`; the table before it says which fault came how
often in which phase.

It runs in a mount namespace of its own (`unshare`), because its disk, which gets full, is a small tmpfs.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from scriptorium.contracts import Job, Phase
from scriptorium.local.demo_assets import demo_assets
from tests.faults.matrix.aftermath import check_left, check_store_is_empty
from tests.faults.matrix.ambush import Ambush
from tests.faults.matrix.faults import FAULTS, WORKER, FaultScene, MachineFault, fill_disk
from tests.faults.matrix.machine import DISK, OWN_DISK, Machine, attempt, machine, now, wait_for
from tests.faults.matrix.witness import BrokenPromise, PromiseKind, Watch, Witness, check_run

BOOK_BYTES = 60_000
COSTLY_EVERY, PAUSE = 40.0, (0.5, 4.0)  # seconds between costly faults; between any two
PAIR_INJECTIONS = 50  # then the two jobs may end: a slow machine loads no engine between two faults
DELAY = (0.0, 0.2)  # seconds between the release of a held worker and the fault: a merge of the tiny model takes 0.05
RECOVERY, PATIENCE = 90.0, 600.0  # seconds until everything runs again, and until the last job has ended
RECIPE: dict[str, Any] = {
    "name": "faults",
    "data": {"prompt": "brief", "drafts": "outline", "chunking": {"unit": "words", "minimum": 60, "maximum": 110}},
    "training": {
        "adapter": "lora", "lora_r": 4, "lora_alpha": 8, "lora_dropout": 0.0, "num_epochs": 1, "max_steps": 12,
        "gradient_accumulation_steps": 1, "learning_rate": 1e-3, "sequence_len": 1024, "gradient_checkpointing": False,
        "checkpoints": 4, "dev_rows": 2, "samples": 1, "sample_tokens": 8, "keep": 0,
    },
    "calibration": {"strengths": []},
    "select": "decision",
    "decisions": {"data_quality": "auto", "tolerated_share": 1.0, "checkpoint": "ask"},
}  # fmt: skip
TRIED = {
    **RECIPE,
    "training": RECIPE["training"] | {"checkpoints": 1},
    "calibration": {"strengths": [1.0], "briefs": 4},
}


class Matrix:
    """The attack: which fault comes next, and how often each has come in each phase."""

    def __init__(self, running: Machine, witness: Witness, seed: int) -> None:
        self.counts: Counter[tuple[str, Phase]] = Counter()
        self.ambush = Ambush(running)
        self._tries: Counter[tuple[str, Phase]] = Counter()
        self._machine = running
        self._witness = witness
        self._chance = random.Random(seed)
        self._faults = [fault for fault in FAULTS if OWN_DISK in os.environ or fault.act is not fill_disk]
        self._last_costly = 0.0

    @property
    def injected(self) -> int:
        """The number of faults so far."""
        return self.counts.total()

    def attack(self, job_ids: Sequence[str], limit: int) -> None:
        """Do one fault after the other until both jobs have ended or there were enough."""
        try:
            while self.injected < limit and not all(job_id in self._witness.ends for job_id in job_ids):
                self.ambush.hold(job_ids)
                time.sleep(self._chance.uniform(*PAUSE))
                if job := attempt(lambda: self._victim(job_ids)):
                    self.ambush.release()
                    time.sleep(self._chance.uniform(*DELAY))
                    self._inject(self._choose(job.phase), job)
        finally:
            self.ambush.release()

    def _victim(self, job_ids: Sequence[str]) -> Job | None:
        """Return a job that is worked on, or better one whose worker is held."""
        jobs = [job for job in self._machine.jobs(job_ids) if not job.status.final]
        waiting = [job for job in jobs if WORKER[job.phase] in self.ambush.services]
        active = waiting or [job for job in jobs if job.attempts.get(job.phase)]
        return self._chance.choice(active) if active else None

    def _choose(self, phase: Phase) -> MachineFault:
        """Return one of the faults that the phase has had least often; costly ones not too often."""
        may_cost = time.monotonic() - self._last_costly > COSTLY_EVERY
        faults = [fault for fault in self._faults if phase in fault.phases and (may_cost or not fault.costly)]
        least = min(self._tries[fault.name, phase] for fault in faults)
        return self._chance.choice([fault for fault in faults if self._tries[fault.name, phase] == least])

    def _inject(self, fault: MachineFault, job: Job) -> None:
        started = time.monotonic()
        text = f"a small file, {self.injected}".encode()
        upload = threading.Thread(target=lambda: attempt(lambda: self._witness.upload(text, "note.txt")))
        upload.start()
        happened = self._act(fault, job)
        upload.join()
        if fault.costly:
            self._last_costly = time.monotonic()
        self._tries[fault.name, job.phase] += 1
        self.counts[fault.name, job.phase] += happened
        well = wait_for(f"the machine is well after '{fault.name}'", self._machine.is_well, RECOVERY)
        if not well:
            self._witness.problems.append(BrokenPromise("stuck", f"the machine after '{fault.name}' in {job.phase}"))
        seconds = time.monotonic() - started
        sign = f"{self.injected:3}" if happened else "  -"
        print(f"{now()} {sign} {fault.name}, {job.phase} of {job.id[-6:]}: {seconds:.0f} s", flush=True)

    def _act(self, fault: MachineFault, job: Job) -> bool:
        """Do a fault; return whether it happened: what it needs may be gone because of an earlier one."""
        try:
            return fault.act(FaultScene(self._machine, self._witness, job, self._chance))
        except Exception as error:  # noqa: BLE001  of a machine under attack every error is possible
            print(f"{now()}     {fault.name} did not happen: {type(error).__name__}: {error}"[:200], flush=True)
            return False

    def table(self) -> str:
        """Return how often each fault came in each phase."""
        rows = [f"{'':24}" + "".join(f"{phase:>11}" for phase in Phase)]
        for fault in FAULTS:
            cells = (self.counts[fault.name, phase] if phase in fault.phases else "" for phase in Phase)
            rows.append(f"{fault.name:24}" + "".join(f"{cell:>11}" for cell in cells))
        return "\n".join(rows)


def main() -> int:
    """Run the matrix; return 0 if nothing was lost, duplicated, corrupted or stuck."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--injections", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="no undisturbed jobs first: losses are not compared")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    options = parser.parse_args()
    if OWN_DISK not in os.environ:
        enter_namespace()
    folder = Path(tempfile.mkdtemp(prefix="scr-f-"))
    print(f"{now()} seed {options.seed}; logs in {folder}", flush=True)
    problems, injected = run(folder, options)
    for problem in problems:
        print(f"{problem.kind}: {problem.text}")
    counts = Counter(problem.kind for problem in problems)
    numbers = " ".join(f"{kind}={counts[kind]}" for kind in get_args(PromiseKind))
    print(f"faults: injected={injected} {numbers}", flush=True)
    if problems:
        shutil.copytree(folder / DISK, folder / "evidence", ignore=shutil.ignore_patterns("models", "cache", "ballast"))
    subprocess.run(["umount", str(folder / DISK)], check=False, capture_output=True)
    if not problems:
        shutil.rmtree(folder)
    return 1 if problems else 0


def enter_namespace() -> None:
    """Run again in a mount namespace of our own, as its root; where that is forbidden the disk cannot be filled."""
    unshare = ["unshare", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"])]
    allowed = shutil.which("unshare") and subprocess.run([*unshare, "true"], check=False, capture_output=True)
    if allowed and allowed.returncode == 0:
        os.environ[OWN_DISK] = "1"
        os.execvp(unshare[0], [*unshare, sys.executable, "-m", "tests.faults.matrix", *sys.argv[1:]])  # noqa: S606
    print("no namespace of our own: the disk is not filled", flush=True)


def run(folder: Path, options: argparse.Namespace) -> tuple[list[BrokenPromise], int]:
    """Run undisturbed jobs, then pairs of jobs under attack until there were enough faults; return what went wrong."""
    text = demo_assets().book.read_bytes()
    books = {f"{name}.txt": text[begin : begin + BOOK_BYTES] for name, begin in (("one", 20_000), ("two", 200_000))}
    with machine(folder) as running:
        witness = Witness(running)
        matrix = Matrix(running, witness, options.seed)
        problems: list[BrokenPromise] = []
        undisturbed: Sequence[str | None] = (None, None)
        with Watch(witness):
            if not options.quick:
                undisturbed = pair = run_pair(witness, books)
                problems += check_pair(running, witness, pair, (None, None))
            while matrix.injected < options.injections and not problems:
                limit = min(options.injections, matrix.injected + PAIR_INJECTIONS)
                pair = run_pair(witness, books, matrix, limit)
                problems += check_pair(running, witness, pair, undisturbed)
        if not problems:
            problems += witness.check_answers(pair[-1])
        problems += witness.check_acknowledged()
        problems += check_store_is_empty(running)
        print(matrix.table(), flush=True)
    return [*problems, *witness.problems, *check_left(running)], matrix.injected


def run_pair(witness: Witness, books: dict[str, bytes], matrix: Matrix | None = None, limit: int = 0) -> list[str]:
    """Submit two jobs, attack them, and wait until they have ended; return their ids."""
    started = time.monotonic()
    if matrix:
        matrix.ambush.hold([])  # else they would be prepared before the first fault
    recipes = zip(books.items(), (RECIPE, TRIED), strict=True)
    pair = [witness.submit(book, name, recipe) for (name, book), recipe in recipes]
    if matrix:
        matrix.attack(pair, limit)

    def is_over() -> bool:
        return witness.machine.is_well() and witness.all_ended()

    wait_for("both jobs have ended", is_over, PATIENCE)
    ends = [witness.ends.get(job_id) for job_id in pair]
    print(f"{now()} a pair of jobs after {time.monotonic() - started:.0f} s: {ends}", flush=True)
    return pair


def check_pair(
    running: Machine, witness: Witness, pair: Sequence[str], undisturbed: Sequence[str | None]
) -> list[BrokenPromise]:
    """Return what is wrong with two jobs that should have ended."""
    problems = []
    for job_id, reference in zip(pair, undisturbed, strict=True):
        end = witness.ends.get(job_id)
        if end is None:
            problems.append(BrokenPromise("stuck", f"{job_id} has not ended"))
        elif end != "succeeded":
            problems.append(BrokenPromise("lost", f"{job_id} ended as {end}"))
        else:
            problems += check_run(running, job_id, reference)
    return problems


if __name__ == "__main__":
    raise SystemExit(main())
