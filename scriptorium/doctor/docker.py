"""Docker's client, engine, builder, Compose, and the toolkit that gives a container the GPU."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scriptorium.doctor.check import GB, Check, CheckFinding, CheckStatus, Subject, at_least, fail, ok, skipped, warn
from scriptorium.doctor.driver import has_card, nvidia_smi
from scriptorium.doctor.mounts import WINDOWS_FILESYSTEMS, find_mount
from scriptorium.doctor.volume import SPACE_FOR_8B

ENGINE, COMPOSE, TOOLKIT, DATA = "Docker engine", "Docker Compose", "NVIDIA Container Toolkit", "Docker's data"
BUILDER = "BuildKit"
INSTALL_DOCKER = "https://docs.docker.com/engine/install/ or, on Windows, Docker Desktop"
USE_BUILDKIT = "export DOCKER_BUILDKIT=1   # this engine uses the old builder by default"
CDI_FILES = ("/etc/cdi/nvidia.yaml", "/var/run/cdi/nvidia.yaml")
CONFIGURE_TOOLKIT = "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker"
INSTALL_TOOLKIT = f"""\
Add NVIDIA's package source (docs/operations.md has the commands), then:
sudo apt-get update && sudo apt-get install -y nvidia-container-toolkit
{CONFIGURE_TOOLKIT}"""


def as_choice(check: Check) -> Check:
    """Return a check of Docker whose failures are warnings, unless containers are what the machine is meant for."""

    def check_choice(subject: Subject) -> Iterator[CheckFinding]:
        for finding in check(subject):
            if finding.status is CheckStatus.FAIL and not subject.docker:
                yield warn(finding.check, f"{finding.seen}; `scriptorium up` needs no Docker", finding.fix)
            else:
                yield finding

    return check_choice


def check_engine(subject: Subject) -> Iterator[CheckFinding]:
    """Check client and engine, and what the engine knows of GPUs and its disk."""
    if subject.container:
        yield skipped(ENGINE, "not checked inside a container")
        return
    if subject.probe.which("docker") is None:
        yield warn(
            ENGINE, "docker is not installed; without it `scriptorium up` works, compose.yaml does not", INSTALL_DOCKER
        )
        return
    answer = subject.probe.run("docker", "info", "--format", "{{json .}}")
    engine = read_info(answer.out)
    if not engine.get("ServerVersion"):
        yield report_engine_error(subject, " ".join([*engine.get("ServerErrors", []), answer.err]))
        return
    yield check_version(str(engine["ServerVersion"]), str(engine.get("OperatingSystem", "")))
    yield check_toolkit(subject, engine)
    yield check_disk(subject, engine)


def read_info(text: str) -> dict[str, Any]:
    """Parse the output of `docker info`; an empty dictionary if it is not a JSON object."""
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def report_engine_error(subject: Subject, words: str) -> CheckFinding:
    """Report an engine that does not answer its client, with the fix that fits its words."""
    if "permission denied" in words.lower():
        return fail(
            ENGINE,
            "this user may not talk to the engine (permission denied on its socket)",
            'sudo usermod -aG docker "$USER" && newgrp docker   # the group docker is as good as root',
        )
    start = "sudo systemctl enable --now docker   # or start Docker Desktop"
    if subject.wsl:
        start += "\nWith Docker Desktop: Settings > Resources > WSL integration > switch on this distribution"
    return fail(ENGINE, " ".join(words.split())[:160] or "the engine does not answer", start)


def check_version(version: str, system: str) -> CheckFinding:
    """Check the engine's version: BuildKit is reliable from 20.10 and the default from 23.0."""
    observation = f"{version} ({system})" if system else version
    if not at_least(version, 20, 10):
        return fail(ENGINE, f"{observation}; 20.10 or newer is needed", INSTALL_DOCKER)
    if not at_least(version, 23):
        return ok(ENGINE, f"{observation}; needs DOCKER_BUILDKIT=1")
    return ok(ENGINE, observation)


def check_toolkit(subject: Subject, engine: dict[str, Any]) -> CheckFinding:
    """Check that a container can use the GPU; Docker Desktop brings what it needs."""
    if subject.settings.device == "cpu" or not (nvidia_smi(subject.probe) or has_card(subject)):
        return skipped(TOOLKIT, "no NVIDIA GPU here")
    devices = [str(device.get("ID", "")) for device in engine.get("DiscoveredDevices") or []]
    if "nvidia" in engine.get("Runtimes", {}):
        return ok(TOOLKIT, "the engine has the runtime nvidia")
    if any(device.startswith("nvidia.com/gpu") for device in devices):
        return ok(TOOLKIT, f"the engine knows {devices[0]} (CDI)")
    if "Docker Desktop" in str(engine.get("OperatingSystem")):
        return ok(TOOLKIT, "Docker Desktop brings its own; try: docker run --rm --gpus all ubuntu nvidia-smi")
    if subject.probe.which("nvidia-ctk") or any(map(subject.probe.exists, CDI_FILES)):
        return fail(TOOLKIT, "installed, but the engine is not configured to use it", CONFIGURE_TOOLKIT)
    return fail(TOOLKIT, "missing: no container can use the GPU", INSTALL_TOOLKIT)


def check_disk(subject: Subject, engine: dict[str, Any]) -> CheckFinding:
    """Check the disk that holds images and named volumes."""
    root = Path(str(engine.get("DockerRootDir", "/var/lib/docker")))
    if "Docker Desktop" in str(engine.get("OperatingSystem")) or not subject.probe.exists(root):
        return skipped(DATA, f"{root} is not visible from here")
    mount = find_mount(subject.probe, root)
    if mount and mount.kind in WINDOWS_FILESYSTEMS:
        fix = 'In /etc/docker/daemon.json: {"data-root": "/var/lib/docker"}, then: sudo systemctl restart docker'
        return fail(DATA, f"{root} is on a Windows drive ({mount.kind})", fix)
    free = subject.probe.disk(root).free
    if free < SPACE_FOR_8B:
        return warn(DATA, f"{root}: {free / GB:.0f} GB free; images and an 8B model need more", "docker system df")
    return ok(DATA, f"{root}: {free / GB:.0f} GB free")


def check_builder(subject: Subject) -> Iterator[CheckFinding]:
    """Check for BuildKit: only it builds one of the Dockerfiles' alternative stages without the other."""
    if subject.container or subject.probe.which("docker") is None:
        return
    plugin = subject.probe.run("docker", "buildx", "version")
    if plugin.code == 0:
        yield ok(BUILDER, " ".join(plugin.out.split()[:2]))
        return
    client = subject.probe.run("docker", "version", "--format", "{{.Client.Version}}").out.strip()
    if at_least(client, 23):
        fix = "sudo apt install docker-buildx-plugin   # from Docker's package source; Ubuntu's own: docker-buildx"
        yield warn(BUILDER, f"the client {client} builds with the plugin buildx, which is missing", fix)
    else:
        yield ok(BUILDER, f"part of the client {client or '(of unknown version)'}")


def check_compose(subject: Subject) -> Iterator[CheckFinding]:
    """Check Compose's version; Compose 2 is a plugin, Compose 1 a program of its own."""
    if subject.container or subject.probe.which("docker") is None:
        yield skipped(COMPOSE, "not checked inside a container" if subject.container else "no Docker here")
        return
    plugin = subject.probe.run("docker", "compose", "version", "--short")
    if plugin.code == 0 and at_least(plugin.out, 2):
        yield ok(COMPOSE, plugin.out.strip())
        return
    program = subject.probe.which("docker-compose")
    version = subject.probe.run(program, "version", "--short").out.strip() if program else ""
    if at_least(version, 2):
        yield ok(COMPOSE, f"{version} (docker-compose)")
    elif at_least(version, 1, 29) and subject.probe.environ.get("DOCKER_BUILDKIT") == "1":
        yield ok(COMPOSE, f"{version} (docker-compose), DOCKER_BUILDKIT=1")
    elif at_least(version, 1, 29):
        yield warn(COMPOSE, f"{version} (docker-compose); it builds only with DOCKER_BUILDKIT=1", USE_BUILDKIT)
    else:
        fix = "sudo apt install docker-compose-plugin   # from Docker's package source; Ubuntu's own: docker-compose-v2"
        yield fail(COMPOSE, f"{version} is too old" if version else "missing", fix)
