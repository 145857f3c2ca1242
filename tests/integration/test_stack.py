"""The local stack with its real processes: failures when starting and stopping, without loss of data."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import psutil
import pytest

from scriptorium.cli.client import Client
from scriptorium.cli.space import prune_data
from scriptorium.errors import Conflict, InvalidRequest, ScriptoriumError, StackFailed
from scriptorium.local import stack, state
from scriptorium.process.child import wait_until
from scriptorium.settings import Settings
from scriptorium.store import open_store

SOON = timedelta(seconds=40)


def quiet(text: str) -> None:
    """Report nothing."""


def up(settings: Settings) -> state.State:
    """Start a stack that ends with the tests, however they end."""
    return stack.up(settings, quiet, attached=True)


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Yield settings with a new data folder, and stop what runs on it."""
    settings = Settings(data_dir=tmp_path / "data", api_port=0)
    yield settings
    stack.down(settings, quiet)


def test_the_stack_starts_and_keeps_its_data_over_a_restart(settings: Settings) -> None:
    first = up(settings)
    assert up(settings).pid == first.pid  # a second `up` changes nothing
    assert httpx.get(f"{first.api_url}/healthz").json()["status"] == "ok"
    assert {service.name for service in first.services} >= {"redis", "api", "data", "trainer", "merger", "server"}
    open_store(settings.store_url).client.set("saved", "yes")
    assert stack.down(settings, quiet)
    assert state.find_running(settings) is None
    up(settings)
    assert open_store(settings.store_url).client.get("saved") == "yes"


def test_the_logs_of_the_stack_are_rotated(settings: Settings) -> None:
    up(settings.model_copy(update={"max_log_bytes": 100}))
    rotated = settings.logs / "redis.log.1"
    assert wait_until(rotated.exists, SOON)
    assert wait_until(lambda: (settings.logs / "redis.log").stat().st_size < 100, SOON)


def test_a_stack_that_is_down_is_pruned_by_its_folder_alone(settings: Settings) -> None:
    folder = settings.data_dir / "runs" / "ftjob-none"
    folder.mkdir(parents=True)
    os.utime(folder, (1, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "is_up", lambda self: False)
        assert prune_data(settings, dry_run=True)["kinds"][2]["paths"] == ["runs/ftjob-none"]
        assert folder.exists()
        lock_file = state.lock(settings)
        assert lock_file is not None
        with lock_file, pytest.raises(Conflict, match="starting or stopping"):
            prune_data(settings, dry_run=False)
        prune_data(settings, dry_run=False)
    assert not folder.exists()


def test_a_killed_service_is_restarted(settings: Settings) -> None:
    before = {service.name: service.pid for service in up(settings).services}
    os.kill(before["data"], signal.SIGKILL)
    os.kill(before["redis"], signal.SIGKILL)

    def has_restarted() -> bool:
        running = state.find_running(settings)
        after = {service.name: service.pid for service in running.services} if running else {}
        return after.get("data", before["data"]) != before["data"] and after.get("redis") != before["redis"]

    store = open_store(settings.store_url, patient=True)
    store.client.set("saved", "yes")  # a patient store waits for the restart, without an error
    assert wait_until(has_restarted, SOON)
    assert store.client.get("saved") == "yes"


def test_a_killed_supervisor_ends_everything_and_its_stale_state_is_ignored(settings: Settings) -> None:
    first = up(settings)
    family = psutil.Process(first.pid).children(recursive=True)
    os.kill(first.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not any(map(stack.is_alive, alive))
    assert state.read(settings) is not None
    assert state.find_running(settings) is None
    assert up(settings).pid != first.pid


def test_an_attached_stack_ends_with_its_starter_however_that_ends(settings: Settings) -> None:
    script = (
        "import time; from pathlib import Path\n"
        "from scriptorium.local import stack; from scriptorium.settings import Settings\n"
        f"settings = Settings(data_dir=Path({str(settings.data_dir)!r}), api_port=0)\n"
        "print(stack.up(settings, lambda text: None, attached=True).pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        supervisor = psutil.Process(int(starter.stdout.readline()))
        family = [supervisor, *supervisor.children(recursive=True)]
        starter.kill()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not any(map(stack.is_alive, alive))


def test_an_api_that_others_could_reach_is_refused_before_anything_starts(settings: Settings) -> None:
    with pytest.raises(InvalidRequest, match="there is no key") as caught:
        up(settings.model_copy(update={"api_host": "0.0.0.0"}))  # noqa: S104
    assert caught.value.param == "SCRIPTORIUM_API_HOST"
    assert "scriptorium keys create NAME" in str(caught.value.next_step)
    assert state.find_running(settings) is None
    assert not settings.runtime_dir.exists()


def test_a_port_in_use_is_a_clear_error(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StackFailed, match=f"cannot listen on 127.0.0.1:{port}"):
            up(settings.model_copy(update={"api_port": port}))
    assert state.find_running(settings) is None


def test_a_full_disk_is_a_clear_error() -> None:
    if os.getuid() != 0:
        pytest.skip("mounting a small file system needs root")
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=False)
        if mounted.returncode:
            pytest.skip("this machine does not allow mounting")
        try:
            with pytest.raises(ScriptoriumError, match="MiB are free"):
                up(Settings(data_dir=Path(folder), api_port=0))
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
