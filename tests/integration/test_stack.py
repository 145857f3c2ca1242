"""The local stack with its real processes: what goes wrong when starting and stopping, and that nothing is lost."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import psutil
import pytest

from deploy.local import stack, state
from scriptorium.child import wait_until
from scriptorium.errors import ScriptoriumError, StackFailed
from scriptorium.settings import Settings
from scriptorium.store import open_store

SOON = timedelta(seconds=40)


def quiet(text: str) -> None:
    """Tell nobody."""


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """A data folder of its own; whatever runs on it is stopped."""
    made = Settings(data_dir=tmp_path / "data", api_port=0)
    yield made
    stack.down(made, quiet)


def test_it_starts_keeps_what_it_is_told_and_starts_again(settings: Settings) -> None:
    first = stack.up(settings, quiet)
    assert stack.up(settings, quiet).pid == first.pid  # a second `up` changes nothing
    assert httpx.get(f"{first.api_url}/healthz").json()["status"] == "ok"
    assert {service.name for service in first.services} >= {"redis", "api", "data", "trainer", "merger", "server"}
    open_store(settings.store_url).client.set("kept", "yes")
    assert stack.down(settings, quiet)
    assert state.running(settings) is None
    stack.up(settings, quiet)
    assert open_store(settings.store_url).client.get("kept") == "yes"


def test_a_service_that_is_killed_is_started_again(settings: Settings) -> None:
    before = {service.name: service.pid for service in stack.up(settings, quiet).services}
    os.kill(before["data"], signal.SIGKILL)
    os.kill(before["redis"], signal.SIGKILL)

    def back() -> bool:
        found = state.running(settings)
        now = {service.name: service.pid for service in found.services} if found else {}
        return now.get("data", before["data"]) != before["data"] and now.get("redis") != before["redis"]

    assert wait_until(back, SOON)
    assert wait_until(open_store(settings.store_url).ping, SOON)


def test_a_killed_supervisor_takes_everything_along_and_its_stale_state_is_not_believed(settings: Settings) -> None:
    first = stack.up(settings, quiet)
    family = psutil.Process(first.pid).children(recursive=True)
    os.kill(first.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    assert state.read(settings) is not None
    assert state.running(settings) is None
    assert stack.up(settings, quiet).pid != first.pid


def test_a_port_in_use_is_a_clear_error(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StackFailed, match=f"cannot listen on 127.0.0.1:{port}"):
            stack.up(settings.model_copy(update={"api_port": port}), quiet)
    assert state.running(settings) is None


def test_a_full_disk_is_a_clear_error() -> None:
    if os.getuid() != 0:
        pytest.skip("mounting a small file system needs root")
    import subprocess

    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=False)
        if mounted.returncode:
            pytest.skip("this machine does not allow mounting")
        try:
            with pytest.raises(ScriptoriumError, match="MiB are free"):
                stack.up(Settings(data_dir=Path(folder), api_port=0), quiet)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
