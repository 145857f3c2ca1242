"""A part of `make fuzz`: what it found stays mended, some hundred inputs do nothing wrong, what does is noticed."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scriptorium.errors import InvalidTrainingFile, MergeFailed
from tests.fuzz import attempt, child
from tests.fuzz.attempt import Case, InputFault, make_case
from tests.fuzz.inputs_run import Chunk, InputsRun, list_chunks
from tests.fuzz.saved_inputs import SavedInputs, load
from tests.fuzz.targets import TARGETS, Target

CORPUS = sorted((Path(__file__).parents[2] / "fuzz" / "corpus").glob("*.bin"))
PARSERS = tuple(TARGETS)
INPUTS = 300


@pytest.fixture(scope="module")
def replayed(project: Path) -> str:
    """Return what the corpus did, in one child process that the system ends if an input takes too long."""
    line = [sys.executable, "-m", "tests.fuzz", "--replay", *map(str, CORPUS)]
    return subprocess.run(line, cwd=project, stdout=subprocess.PIPE, text=True, timeout=300, check=False).stdout


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_what_was_found_once_is_parsed_or_refused(replayed: str, path: Path) -> None:
    assert f"{path.name}: as it should be\n" in replayed


def test_every_target_of_the_corpus_exists() -> None:
    assert CORPUS
    assert {load(path).target for path in CORPUS} <= {*PARSERS, "http"}


def test_some_hundred_inputs_do_nothing_wrong() -> None:
    cases = [make_case(1, number, PARSERS) for number in range(INPUTS)]
    assert len({case.target for case in cases}) == len(PARSERS)
    assert [finding for finding in map(attempt.attempt, cases) if finding] == []


def test_an_input_is_the_same_for_a_seed_and_a_number() -> None:
    assert [make_case(7, number, PARSERS) for number in range(40)] == [make_case(7, n, PARSERS) for n in range(40)]
    assert len({make_case(7, number, PARSERS).raw for number in range(40)}) > 35


def test_all_inputs_are_in_the_chunks() -> None:
    chunks = list_chunks(12_345, (*PARSERS, "http"))
    assert abs(sum(chunk.count for chunk in chunks) - 12_345) <= 1
    assert {chunk.names for chunk in chunks} == {PARSERS, ("http",)}


def use(monkeypatch: pytest.MonkeyPatch, outcome: object) -> Case:
    """Put a parser in place that raises an error, or calls a function; return an input for it."""

    def run(raw: bytes, folder: Path) -> None:
        if isinstance(outcome, Exception):
            raise outcome
        if callable(outcome):
            outcome()

    monkeypatch.setitem(TARGETS, "odd", Target(1, lambda: [b"a"], lambda random, raw: raw, [run]))
    return Case("odd", b"a")


@pytest.mark.parametrize(
    ("error", "is_finding"),
    [
        (KeyError("a"), True),
        (RecursionError(), True),
        (MergeFailed("Something is wrong."), True),  # and no place
        (MergeFailed("Something is wrong.", param="a"), False),
        (InvalidTrainingFile("x" * (1 << 18), param="a"), True),
        (InvalidTrainingFile(f"{Path(__file__)} is odd.", param="a"), True),
    ],
    ids=str,
)
def test_only_a_refusal_with_a_code_and_a_place_is_allowed(
    monkeypatch: pytest.MonkeyPatch, error: Exception, is_finding: bool
) -> None:
    finding = attempt.attempt(use(monkeypatch, error))
    assert bool(finding) is is_finding
    assert finding is None or finding.fault is InputFault.CRASH


def loop() -> None:
    """Do work without an end."""
    while True:
        pass


def test_an_input_that_takes_too_long_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    case = use(monkeypatch, loop)
    monkeypatch.setattr(child, "CPU_SECONDS", 0.2)
    process = multiprocessing.get_context("fork").Process(target=child.replay, args=[case])
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGPROF


def test_an_input_that_takes_too_much_memory_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    peak = child.peak_bytes()
    case = use(monkeypatch, lambda: bytearray(b"a") * (peak + (64 << 20)))
    monkeypatch.setattr(child, "MEMORY_BYTES", 32 << 20)
    finding = child.replay(case)
    assert finding and finding.fault is InputFault.OVER_MEMORY


def test_of_inputs_that_do_the_same_the_smallest_is_kept_and_made_smaller(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    case = use(monkeypatch, None)

    def run(raw: bytes, folder: Path) -> None:
        if b"bad" in raw:
            raise ValueError(raw)

    monkeypatch.setitem(TARGETS, "odd", Target(1, lambda: [b"a"], lambda random, raw: raw, [run]))
    saved = SavedInputs(tmp_path)
    for raw in (b"a" * 90 + b"bad" + b"b" * 90, b"a" * 9 + b"bad"):
        finding = attempt.attempt(Case("odd", raw))
        assert finding
        saved.add(finding, Case("odd", raw))
    assert saved.counts[InputFault.CRASH] == 2
    (path,) = tmp_path.iterdir()
    assert load(path) == Case(case.target, b"a" * 9 + b"bad")
    saved.shrink()
    assert path.read_bytes() == b"bad"


def test_a_child_is_started_anew_behind_an_input_that_killed_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys\nfirst, count, folder = int(sys.argv[4]), int(sys.argv[5]), sys.argv[6]\n"
        "for number in range(first, first + count):\n"
        "    open(folder + '/current', 'w').write(str(number))\n"
        "    if number == 3: os.kill(os.getpid(), 11)\n"
    )
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    saved = SavedInputs(tmp_path / "saved")
    run = InputsRun(1, saved)
    run.run_chunk(Chunk(0, 9, PARSERS))
    assert run.count_inputs() == 9
    assert saved.counts == {InputFault.CRASH: 1}
