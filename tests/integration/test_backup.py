"""The documented backup, tried: everything comes back from both volumes, and every job from `data` alone.

The commands are those of docs/operations.md, with the real tar and a real Redis that writes its log; Docker, which the
container test has, is a script here for which a volume is a folder.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from standins import Sent
from work import SOON, finish_with_model, prepare, submit

from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Phase
from scriptorium.jobs.pipeline import Pipeline
from scriptorium.jobs.runner import Context, run_phase
from scriptorium.local.services import redis_line, service_environment
from scriptorium.process.child import wait_until
from scriptorium.settings import Settings
from scriptorium.store import open_store
from tests.documented_backup import read_backup_commands

DOCKER = """#!{python}
import os, sys
words, volumes = sys.argv[1:], {volumes!r}
if words[0] == "compose":
    sys.exit()
name, place, *mode = words[words.index("-v") + 1].split(":")
command = words[words.index("scriptorium/data") + 1 :]
reads = "-xf" in command
assert reads == ("-i" in words), "without -i a container reads nothing"
assert mode == ([] if reads else ["ro"])
folder = os.path.join(volumes, name)
os.makedirs(folder, exist_ok=True)
os.execvp(command[0], [folder if word == place else word for word in command])
"""


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Yield settings whose data and Redis are in the folders that stand for the two volumes."""
    with tempfile.TemporaryDirectory(prefix="scr-") as sockets:  # a socket's path must be short
        yield Settings(
            data_dir=tmp_path / "volumes" / "scriptorium_data",
            redis_url=f"unix://{sockets}/redis.sock",
            device="cpu",
            machine="main",
        )


@contextmanager
def running_redis(settings: Settings, folder: Path) -> Iterator[Context]:
    """Run the Redis of the local stack with its log in a folder, and yield a context that uses it."""
    line, socket = redis_line(settings), settings.store_url.removeprefix("unix://")
    folder.mkdir(parents=True, exist_ok=True)
    line[line.index("--unixsocket") + 1], line[line.index("--dir") + 1] = socket, str(folder)
    store, volume = open_store(settings.store_url), Volume(settings.data_dir, settings.models)
    with subprocess.Popen(line, stdout=subprocess.DEVNULL) as server:
        try:
            assert wait_until(store.ping, SOON)
            yield Context(settings, store, volume, Pipeline(store, volume, send=Sent()))
        finally:
            store.client.close()
            server.terminate()


def run_as_documented(commands: str, folder: Path) -> None:
    """Run commands of the page in a folder, with volumes that are folders in it."""
    program = folder / "bin" / "docker"
    program.parent.mkdir(exist_ok=True)
    program.write_text(DOCKER.format(python=sys.executable, volumes=str(folder / "volumes")))
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["sh", "-e", "-c", commands], cwd=folder, env=environment, check=True)


def list_contents(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return every file below a folder with its mode, the number of its names, and its content."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.stat().st_nlink, path.read_bytes()) for path in files
    }


def read_store(context: Context) -> dict[str, bytes | None]:
    """Return everything that Redis has."""
    keys = [str(key) for key in context.store.client.keys("*")]  # type: ignore[union-attr]
    return {key: context.store.client.dump(key) for key in keys}  # type: ignore[misc]


def test_everything_comes_back_from_the_documented_backup(settings: Settings, tmp_path: Path) -> None:
    backup, restore, rebuild = read_backup_commands()
    volumes = tmp_path / "volumes"
    data, redis = settings.data_dir, volumes / "scriptorium_redis"
    (data / "models" / "tiny-base").mkdir(parents=True)
    (data / "models" / "tiny-base" / "config.json").write_text('{"model_type": "llama"}')
    with running_redis(settings, redis) as context:
        context.volume.save_job(finish_with_model(context, "ftjob-succeeded", "poe"))
        submit(context, "ftjob-prepared")
        run_phase("ftjob-prepared", Phase.PREPARE, prepare, context=context)
        submit(context, "ftjob-waiting")
        jobs, store, files = list(context.store.jobs.iterate()), read_store(context), list_contents(data)
    run_as_documented(backup, tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.tar")) == ["scriptorium-data.tar", "scriptorium-redis.tar"]
    shutil.rmtree(volumes)
    run_as_documented(restore, tmp_path)
    assert list_contents(data) == files
    with running_redis(settings, redis) as context:
        assert read_store(context) == store
        assert list(context.store.jobs.iterate()) == jobs
    shutil.rmtree(redis)
    with running_redis(settings, redis) as context:
        line = [sys.executable, *shlex.split(rebuild.partition("python ")[2])]
        environment = {**service_environment(settings), "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run(line, env=environment, check=True, stdout=subprocess.DEVNULL)
        assert {job.id: job for job in context.store.jobs.iterate()} == {job.id: job for job in jobs}
