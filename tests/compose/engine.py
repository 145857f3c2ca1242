"""A Docker engine and both generations of Compose; what is missing is installed and started, and stopped afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.compose.shell import FOLDER, Skip, run, say, succeeds, wait

DEBIAN = Path("/usr/bin")  # where Debian's own packages put their programs, whatever else PATH has
PACKAGES = {"dockerd": "docker.io", "docker-compose": "docker-compose", "debootstrap": "debootstrap"}


@contextmanager
def engine() -> Iterator[str]:
    """A running engine, and the client that speaks to it. One that runs already is used and left running."""
    if succeeds(["docker", "info"]):
        yield "docker"
        return
    install()
    with daemon():
        yield str(DEBIAN / "docker")


def install() -> None:
    """Debian's packages, where they are missing; raises Skip where that is not ours to do."""
    missing = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Skip(f"no Docker engine runs, and {', '.join(missing)} can only be installed by root with apt")
    say(f"installing {', '.join(missing)}")
    try:
        run(["apt-get", "-q", "update"])
        run(["apt-get", "-q", "install", "--yes", "--no-install-recommends", *missing],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})  # fmt: skip
    except RuntimeError as error:
        raise Skip(f"no Docker engine runs, and none can be installed: {error}") from None


@contextmanager
def daemon() -> Iterator[None]:
    """An engine of our own, with its data under build/; raises Skip where it does not start."""
    log = FOLDER / "dockerd.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    say("starting a Docker engine")
    with log.open("wb") as output:
        line = ["dockerd", "--data-root", str(FOLDER / "docker"), "--storage-driver", "overlay2"]
        process = subprocess.Popen(line, stdout=output, stderr=output, start_new_session=True)
    try:
        wait("an answer of dockerd", lambda: answers(process, log), seconds=60)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def answers(process: subprocess.Popen[bytes], log: Path) -> bool:
    """Whether the engine is up; raises Skip where it has ended."""
    if process.poll() is not None:
        raise Skip(f"a Docker engine does not start here: {log.read_text(errors='replace')[-500:]}")
    return succeeds([DEBIAN / "docker", "info"])


def current_compose(docker: str) -> list[str]:
    """The command of a current Compose: the engine's own, or one of Debian's newest packages."""
    if succeeds([docker, "compose", "version"]):
        return [docker, "compose"]
    program = FOLDER / "compose-v2" / "usr" / "libexec" / "docker" / "cli-plugins" / "docker-compose"
    if not program.exists():
        say("fetching a current Compose")
        fetch("docker-compose", program.parents[4])
    return [str(program)]


def fetch(package: str, folder: Path, suite: str = "sid") -> None:
    """Unpack a package of another Debian release beside this one's."""
    origin = next(line for line in indexes().splitlines() if "security" not in line)
    apt = FOLDER / "apt"
    (apt / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (apt / "sources.list").write_text(f"deb {origin} {suite} main\n")
    options = [f"-oDir::Etc::sourcelist={apt / 'sources.list'}", "-oDir::Etc::sourceparts=/dev/null"]
    options += [f"-oDir::State::lists={apt / 'lists'}", f"-oDir::Cache={apt}", "-oAPT::Sandbox::User=root"]
    run(["apt-get", *options, "-q", "update"])
    run(["apt-get", *options, "-q", "download", f"{package}/{suite}"], cwd=apt)
    run(["dpkg-deb", "-x", next(apt.glob(f"{package}_*.deb")), folder])


def indexes() -> str:
    """Where this machine's packages come from."""
    return run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages"])


def old_compose() -> list[str] | None:
    """Compose 1.29, where it is installed."""
    program = shutil.which("docker-compose")
    return [program] if program and "1.29" in run([program, "--version"]) else None
