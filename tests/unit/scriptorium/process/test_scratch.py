import os
import signal
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest

from scriptorium.process.child import Child, wait_until
from scriptorium.process.scratch import NEW, PREFIX, ScratchFolder

TIMEOUT = timedelta(seconds=10)
LITTER = "import tempfile, time; tempfile.mkstemp(); tempfile.mkdtemp(); print('up', flush=True); "


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files, of this process and its children."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def make_old(folder: Path) -> None:
    os.utime(folder, (folder.stat().st_atime, folder.stat().st_mtime - 2 * NEW))


def test_what_a_child_leaves_in_its_temporary_folder_goes_when_it_ends(temporary: Path, tmp_path: Path) -> None:
    child = Child([sys.executable, "-c", LITTER], tmp_path / "log", os.environ)
    assert child.wait(TIMEOUT) == 0
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_goes_when_the_child_is_killed_or_stopped(temporary: Path, tmp_path: Path, number: signal.Signals) -> None:
    child = Child([sys.executable, "-c", LITTER + "time.sleep(60)"], tmp_path / "log", os.environ)
    assert wait_until(lambda: "up" in (tmp_path / "log").read_text(), TIMEOUT)
    assert [path.name.startswith(PREFIX) for path in temporary.iterdir()] == [True]
    if number is signal.SIGKILL:
        os.kill(child.pid, number)
        assert wait_until(lambda: child.returncode is not None, TIMEOUT)
    else:
        child.stop(TIMEOUT)
    assert list(temporary.iterdir()) == []


def test_the_next_child_removes_what_a_killed_parent_left_and_nothing_that_is_in_use(
    temporary: Path, tmp_path: Path
) -> None:
    script = (
        "import os, sys, time; from pathlib import Path; from scriptorium.process.child import Child;"
        f"Child([sys.executable, '-c', {LITTER + 'time.sleep(60)'!r}], Path({str(tmp_path / 'log')!r}), os.environ);"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "TMPDIR": str(temporary)}) as parent:
        assert wait_until(lambda: (tmp_path / "log").exists() and "up" in (tmp_path / "log").read_text(), TIMEOUT)
        parent.kill()
    (abandoned,) = temporary.iterdir()
    used = ScratchFolder()
    assert abandoned.exists()  # it could be somebody's who has no lock yet
    make_old(abandoned)
    make_old(used.folder)
    newest = ScratchFolder()
    assert sorted(temporary.iterdir()) == sorted([used.folder, newest.folder])
    used.remove()
    newest.remove()


def test_a_service_has_the_temporary_folder_of_its_supervisor(temporary: Path, tmp_path: Path) -> None:
    line = [sys.executable, "-c", "import os; print(os.environ.get('TMPDIR'))"]
    child = Child(line, tmp_path / "log", {"TMPDIR": str(temporary)}, has_scratch=False)
    assert child.wait(TIMEOUT) == 0
    assert (tmp_path / "log").read_text().strip() == str(temporary)
