"""A Docker engine and both generations of Compose; what is missing is installed, and an engine of ours is stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.compose.shell import FOLDER, Skip, log, run, succeeds, wait_for

DEBIAN_PROGRAMS = Path("/usr/bin")  # of Debian's own packages, whatever else PATH has
PACKAGES = {"dockerd": "docker.io", "docker-compose": "docker-compose", "debootstrap": "debootstrap"}


@contextmanager
def docker_engine() -> Iterator[str]:
    """Yield the client of a running engine; an engine that runs already is used and left running."""
    if succeeds(["docker", "info"]):
        yield "docker"
        return
    install_packages()
    with run_daemon():
        yield str(DEBIAN_PROGRAMS / "docker")


def install_packages() -> None:
    """Install Debian's packages if they are missing; raise Skip if we may not."""
    missing = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Skip(f"no Docker engine runs, and {', '.join(missing)} can only be installed by root with apt")
    log(f"installing {', '.join(missing)}")
    try:
        run(["apt-get", "-q", "update"])
        run(["apt-get", "-q", "install", "--yes", "--no-install-recommends", *missing],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})  # fmt: skip
    except RuntimeError as error:
        raise Skip(f"no Docker engine runs, and none can be installed: {error}") from None


@contextmanager
def run_daemon() -> Iterator[None]:
    """Run an engine of our own, with its data under build/; raise Skip if it does not start."""
    log_file = FOLDER / "dockerd.log"
    log_file.parent.mkdir(parents=True, exist_ok=True)
    log("starting a Docker engine")
    with log_file.open("wb") as output:
        command = ["dockerd", "--data-root", str(FOLDER / "docker"), "--storage-driver", "overlay2"]
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        wait_for("an answer of dockerd", lambda: is_up(process, log_file), seconds=60)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def is_up(process: subprocess.Popen[bytes], log_file: Path) -> bool:
    """Return whether the engine is up; raise Skip if it has ended."""
    if process.poll() is not None:
        raise Skip(f"a Docker engine does not start here: {log_file.read_text(errors='replace')[-500:]}")
    return succeeds([DEBIAN_PROGRAMS / "docker", "info"])


def find_current_compose(docker: str) -> list[str]:
    """Return the command of a current Compose: the engine's own, or that of Debian's newest package."""
    if succeeds([docker, "compose", "version"]):
        return [docker, "compose"]
    program = FOLDER / "compose-v2" / "usr" / "libexec" / "docker" / "cli-plugins" / "docker-compose"
    if not program.exists():
        log("fetching a current Compose")
        fetch_package("docker-compose", program.parents[4])
    return [str(program)]


def fetch_package(package: str, folder: Path, suite: str = "sid") -> None:
    """Unpack a package of another Debian release into a folder."""
    origin = next(line for line in package_indexes().splitlines() if "security" not in line)
    apt = FOLDER / "apt"
    (apt / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (apt / "sources.list").write_text(f"deb {origin} {suite} main\n")
    options = [f"-oDir::Etc::sourcelist={apt / 'sources.list'}", "-oDir::Etc::sourceparts=/dev/null"]
    options += [f"-oDir::State::lists={apt / 'lists'}", f"-oDir::Cache={apt}", "-oAPT::Sandbox::User=root"]
    run(["apt-get", *options, "-q", "update"])
    run(["apt-get", *options, "-q", "download", f"{package}/{suite}"], cwd=apt)
    run(["dpkg-deb", "-x", next(apt.glob(f"{package}_*.deb")), folder])


def package_indexes() -> str:
    """Return the repositories of this machine's packages."""
    return run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages"])


def find_old_compose() -> list[str] | None:
    """Return the command of Compose 1.29 if it is installed."""
    program = shutil.which("docker-compose")
    return [program] if program and "1.29" in run([program, "--version"]) else None
