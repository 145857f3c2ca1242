from pathlib import Path

import pytest

from services.trainer.inside_axolotl.machine import CpuUse, read_memory, read_peak
from services.trainer.inside_axolotl.utilisation import Utilisation


def test_the_share_is_tokens_times_flops_over_time_and_peak() -> None:
    utilisation = Utilisation(flops_per_token=4e6, peak=1e9)
    assert utilisation.step(10.0, 500) is None  # the first step warms up
    assert utilisation.step(12.0, 600) == pytest.approx(100 * 4e6 / 2.0 / 1e9)


def test_an_evaluation_or_a_save_is_not_training() -> None:
    utilisation = Utilisation(flops_per_token=4e6, peak=1e9)
    utilisation.step(10.0, 500)
    utilisation.pause(50.0)
    assert utilisation.step(52.0, 600) == pytest.approx(0.2)


def test_a_pause_before_the_first_step_makes_no_share() -> None:
    """After a resumption the count includes the tokens of earlier attempts, which were not processed in this time."""
    utilisation = Utilisation(flops_per_token=4e6, peak=1e9)
    utilisation.pause(9.0)
    assert utilisation.step(10.0, 100_000) is None
    assert utilisation.step(11.0, 100_100) == pytest.approx(0.4)


def test_memory_in_use_is_what_a_new_program_could_not_get(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text(
        "MemTotal:  1000 kB\nMemFree:  100 kB\nMemAvailable:  600 kB\nHugePages_Total: 0\n"
    )
    assert read_memory(tmp_path / "meminfo") == (400 * 1024, 1000 * 1024)


def test_this_machines_memory_can_be_read() -> None:
    used, total = read_memory()
    assert 0 < used < total


def test_use_is_the_share_of_time_that_was_not_idle(tmp_path: Path) -> None:
    path = tmp_path / "stat"
    path.write_text("cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 2 3 4\n")
    use = CpuUse(path)
    assert use.measure() is None
    path.write_text("cpu  160 0 110 715 110 5 0 0 90 0\ncpu0 1 2 3 4\n")  # 75 busy (guests are in user), 25 idle
    assert use.measure() == pytest.approx(0.75)
    path.write_text("cpu  160 0 110 815 110 5 0 0 90 0\n")
    assert use.measure() == 0.0


def test_the_peak_of_a_process_is_its_own_and_only_grows(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmPeak:\t 900 kB\nVmHWM:\t 700 kB\nVmRSS:\t 500 kB\n")
    assert read_peak(status) == 700 * 1024
    before = read_peak()
    block = bytearray(64 * 1024**2)
    block[::4096] = b"x" * len(block[::4096])
    assert read_peak() >= before
    assert read_peak() >= len(block)
