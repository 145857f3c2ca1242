import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from scriptorium.errors import EnvironmentMissing
from scriptorium.process.child import Child, follow_lines, tail, wait_until

TIMEOUT = timedelta(seconds=10)


def test_a_child_writes_its_log_and_ends(tmp_path: Path) -> None:
    child = Child([sys.executable, "-c", "print('hello')"], tmp_path / "log", os.environ)
    assert child.wait(TIMEOUT) == 0
    assert tail(tmp_path / "log") == ["hello"]


def test_stopping_ends_all_descendants_even_one_that_ignores_the_signal(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    script = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {deaf!r}]); time.sleep(60)"
    child = Child([sys.executable, "-c", script], tmp_path / "log", os.environ)
    assert wait_until(lambda: tail(tmp_path / "log") == ["up"], TIMEOUT)
    family = [psutil.Process(child.pid), *psutil.Process(child.pid).children(recursive=True)]
    assert len(family) == 2
    child.stop(timedelta(seconds=1))
    _, survivors = psutil.wait_procs(family, timeout=5)
    assert [process for process in survivors if process.status() != psutil.STATUS_ZOMBIE] == []


def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    script = (
        "import os, sys, time; from pathlib import Path; from scriptorium.process.child import Child;"
        "sleep = [sys.executable, '-c', 'import time; time.sleep(60)'];"
        f"child = Child(sleep, Path({str(tmp_path / 'log')!r}), os.environ);"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    time.sleep(0.3)
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    assert wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, TIMEOUT)


def test_a_missing_program_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentMissing, match="vllm is not installed"):
        Child([tmp_path / "vllm"], tmp_path / "log", {})


def test_the_tail_of_a_log_keeps_a_progress_bars_last_state(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"one\n10%\r50%\r100%\n\xff\n")
    assert tail(tmp_path / "log") == ["one", "100%", "�"]


def test_additions_to_a_log_are_yielded_line_by_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("old\n")
    lines = follow_lines(log, interval=0.01)

    def write() -> None:
        time.sleep(0.2)  # until somebody reads
        with log.open("a") as file:
            for part in ("ne", "w\nnext"):
                file.write(part)
                file.flush()
                time.sleep(0.1)

    with ThreadPoolExecutor() as pool:
        pool.submit(write)
        assert next(lines) == "new"


def test_a_log_is_followed_across_its_rotation(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("a long line of long ago\n")
    lines = follow_lines(log, interval=0.01)

    def write() -> None:
        time.sleep(0.2)  # until somebody reads
        log.write_text("")
        time.sleep(0.1)
        log.write_text("new\n")

    with ThreadPoolExecutor() as pool:
        pool.submit(write)
        assert next(lines) == "new"
