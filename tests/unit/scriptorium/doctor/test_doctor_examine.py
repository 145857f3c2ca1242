import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from doctor_machine import FakeProbe, check_fixes, docker_info, subject

from scriptorium.doctor import probe as probing
from scriptorium.doctor.check import CheckFinding, Subject, ok
from scriptorium.doctor.examine import CHECK_TIMEOUT, CHECKS, examine
from scriptorium.doctor.probe import CommandOutput, CommandTimeout, Probe


def test_a_check_that_hangs_keeps_what_came_before_and_does_not_hold_the_others_up() -> None:
    never = threading.Event()

    def hang(_: Subject) -> Iterator[CheckFinding]:
        yield ok("first", "seen")
        never.wait()

    def quick(_: Subject) -> Iterator[CheckFinding]:
        yield ok("quick", "seen")

    started = time.monotonic()
    findings = examine(subject(FakeProbe()), {f"slow {n}": hang for n in range(8)} | {"fast": quick}, limit=0.2)
    assert time.monotonic() - started < 0.8  # not a limit for each
    never.set()
    assert [finding.check for finding in findings[:3]] == ["first", "slow 0", "first"]
    assert (findings[1].status, findings[1].seen) == ("fail", "no answer in 0.2 s")
    assert findings[-1].check == "quick"


def test_a_check_that_breaks_is_a_finding() -> None:
    def broken(_: Subject) -> Iterator[CheckFinding]:
        raise LookupError("oops")
        yield

    (finding,) = examine(subject(FakeProbe()), {"broken": broken})
    assert (finding.status, "oops" in finding.seen) == ("fail", True)


def test_programs_that_hang_are_named_and_each_check_still_answers() -> None:
    probe = FakeProbe(programs=["nvidia-smi", "docker"], answers={"nvidia-smi": None, "docker": None})
    hangs = [finding.seen for finding in check_fixes(iter(examine(subject(probe)))) if "gave no answer" in finding.seen]
    assert len(hangs) == 4  # the card, the engine, the builder, Compose


def test_a_command_is_ended_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "COMMAND_TIMEOUT", 0.2)
    with pytest.raises(CommandTimeout, match="sleep 60"):
        Probe().run("sleep", "60")
    assert CHECK_TIMEOUT > 4.0


def test_a_program_that_is_not_there_is_an_answer() -> None:
    assert Probe().run("/no/such/program").code == -1
    assert Probe().run("sh", "-c", "echo out; echo err >&2; exit 3") == CommandOutput(3, "out\n", "err\n")


def test_every_check_works_on_this_very_machine(tmp_path: Path) -> None:
    findings = check_fixes(iter(examine(subject(Probe(), data_dir=tmp_path))))
    assert not [finding for finding in findings if "the check failed" in finding.seen]
    assert {"memory", "processors", "data folder", "data filesystem", "base model"} <= {
        finding.check for finding in findings
    }


def test_a_whole_gpu_host_from_records() -> None:
    probe = FakeProbe(
        programs=["nvidia-smi", "docker"],
        answers={
            "--query-gpu": "NVIDIA GeForce RTX 5090, 581.57, 32607, 31105, 12.0\n",
            "docker info": docker_info(Runtimes={"nvidia": {}}),
            "docker compose": "2.40.0\n",
            "docker buildx": "github.com/docker/buildx v0.29.1 a32761a\n",
        },
        environ={"HF_TOKEN": "hf_x"},
    )
    assert len(CHECKS) <= len(findings := examine(subject(probe)))
    assert not [finding for finding in check_fixes(iter(findings)) if finding.fix]
