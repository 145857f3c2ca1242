import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from scriptorium.process.child import Child, wait_until
from scriptorium.process.log_files import keep_rotating, old_log, rotate_log, rotate_logs

TIMEOUT = timedelta(seconds=20)
CHATTER = "import itertools, time\nfor n in itertools.count():\n    print(n, flush=True)\n    time.sleep(0.0005)"


def test_a_log_is_rotated_at_its_size_and_two_older_ones_stay(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    for text in ("one", "two", "three", "four"):
        log.write_text(text)
        assert rotate_log(log, 3)
    assert log.read_text() == ""
    assert [path.read_text() for path in (old_log(log, 1), old_log(log, 2))] == ["four", "three"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["api.log", "api.log.1", "api.log.2"]


def test_a_small_or_missing_log_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_text("one")
    assert rotate_logs([log, tmp_path / "missing.log"], 4) == []
    assert [path.name for path in tmp_path.iterdir()] == ["api.log"]


def test_a_running_program_goes_on_at_the_beginning_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "vllm-base.log"
    child = Child([sys.executable, "-c", CHATTER], log, os.environ)
    try:
        for _ in range(3):
            assert wait_until(lambda: log.exists() and log.stat().st_size > 2000, TIMEOUT, interval=0.01)
            assert rotate_logs([log], 2000) == [log]
            assert log.stat().st_size < 2000
        assert wait_until(lambda: log.stat().st_size > 10, TIMEOUT, interval=0.01)
    finally:
        child.stop(timedelta(seconds=1))
    assert b"\0" not in log.read_bytes()  # it does not write on where it was
    lines = [line for path in (old_log(log, 2), old_log(log, 1), log) for line in path.read_text().split()]
    assert len(lines) > 500
    assert [int(line) for line in lines[1:-1]] == sorted(map(int, lines[1:-1]))


def test_two_that_rotate_at_once_rotate_once(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_text("one")
    old_log(log, 1).write_text("zero")
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: rotate_log(log, 3), range(8))) == 1
    assert [path.read_text() for path in (old_log(log, 1), old_log(log, 2))] == ["one", "zero"]


def test_a_copy_that_fails_still_frees_the_space(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_text("one")
    old_log(log, 2).mkdir()  # nothing can be renamed over it
    old_log(log, 1).write_text("zero")
    assert rotate_log(log, 3)
    assert log.read_text() == ""


def test_what_cannot_be_opened_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "folder.log").mkdir()
    (tmp_path / "api.log").write_text("one")
    assert rotate_logs([tmp_path / "folder.log", tmp_path / "api.log"], 3) == [tmp_path / "api.log"]


def test_logs_are_rotated_in_the_background(tmp_path: Path) -> None:
    log = tmp_path / "vllm-base.log"
    log.write_text("one")
    keep_rotating(tmp_path, "vllm-*.log", 3, interval=0.05)
    assert wait_until(old_log(log, 1).exists, TIMEOUT, interval=0.01)
    assert not (tmp_path / "api.log").exists()
