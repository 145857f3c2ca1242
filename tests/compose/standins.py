"""Base images: the real ones where an image registry is reachable, else the same programs from Debian's packages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.compose.shell import FOLDER, run, say, succeeds

CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
MONITORING = "prometheus,prometheus-redis-exporter,redis-server,redis-tools,wget,ca-certificates"
PYTHON = "python3,python3-venv,python3-pip,ca-certificates"
PROGRAMS = {
    "redis": ("", "redis"),
    "prometheus": ('ENTRYPOINT ["prometheus"]', "nobody"),
    "redis-exporter": ('ENTRYPOINT ["prometheus-redis-exporter"]', "nobody"),
}

# Enough of the official images to show that our instructions on top of them hold.
OFFICIAL = {
    "axolotl": "RUN python3 -m venv /workspace/axolotl-venv"
    " && mkdir /workspace/axolotl-venv/lib/python3.11/site-packages/axolotl\n"
    "ENV PATH=/workspace/axolotl-venv/bin:$PATH",
    "vllm": 'RUN mkdir -p /usr/lib/python3/dist-packages/vllm\nENTRYPOINT ["vllm", "serve"]',
}


def base_images(docker: str) -> Mapping[str, str]:
    """What compose.yaml's image variables must be set to: nothing where the images can be pulled."""
    if succeeds([docker, "pull", "--quiet", "python:3.11-slim-bookworm"], seconds=120):
        return {}
    say("no image registry answers: stand-in base images from Debian's packages")
    if not succeeds([docker, "image", "inspect", "standin/python"]):
        python_image(docker)
    if not succeeds([docker, "image", "inspect", "standin/redis-exporter"]):
        monitoring_images(docker)
    for name, recipe in OFFICIAL.items():
        run(
            [docker, "build", "--quiet", "--tag", f"standin/{name}", "-"],
            stdin=f"FROM standin/python\n{recipe}\n".encode(),
        )
    names = ("python", "redis", "prometheus", "redis-exporter", *OFFICIAL)
    return {f"{name.upper().replace('-', '_')}_IMAGE": f"standin/{name}" for name in names}


def python_image(docker: str) -> None:
    """Python 3.11 on Debian, which trusts what this machine trusts and finds the wheels that lie on it."""
    root = bootstrap("bookworm", PYTHON)
    shutil.copyfile(os.environ.get("SSL_CERT_FILE", f"/{CERTIFICATES}"), root / CERTIFICATES)
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    settings = {"SSL_CERT_FILE": f"/{CERTIFICATES}", "PIP_CERT": f"/{CERTIFICATES}"}
    wheels = os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS")
    if wheels and Path(wheels).is_dir():
        shutil.copytree(wheels, root / "wheels")
        settings["UV_FIND_LINKS"] = "/wheels"
    load(docker, root, "standin/python", f"ENV {' '.join(f'{name}={value}' for name, value in settings.items())}")


def monitoring_images(docker: str) -> None:
    """Redis, Prometheus and the Redis exporter: one root, three images."""
    root = bootstrap("trixie", MONITORING)
    (root / "etc/prometheus").rename(root / "etc/prometheus.debian")
    (root / "etc/prometheus").mkdir()
    folder = root / "prometheus"
    folder.mkdir()
    shutil.chown(folder, 65534, 65534)
    (root / "data").mkdir()
    shutil.chown(root / "data", *owner(root, "redis"))
    load(docker, root, "standin/debian", 'CMD ["true"]')
    for name, (entrypoint, user) in PROGRAMS.items():
        recipe = f"FROM standin/debian\n{entrypoint}\nUSER {user}\n"
        run([docker, "build", "--quiet", "--tag", f"standin/{name}", "-"], stdin=recipe.encode())


def owner(root: Path, name: str) -> tuple[int, int]:
    """The user and group ids of a user inside a root."""
    lines = (root / "etc/passwd").read_text().splitlines()
    found = next(line.split(":") for line in lines if line.startswith(f"{name}:"))
    return int(found[2]), int(found[3])


def bootstrap(suite: str, packages: str) -> Path:
    """A minimal Debian with a few packages."""
    root = FOLDER / f"root-{suite}"
    shutil.rmtree(root, ignore_errors=True)
    run(["debootstrap", "--variant=minbase", f"--include={packages}", suite, root])
    for path in (root / "var/cache/apt/archives").glob("*.deb"):
        path.unlink()
    return root


def load(docker: str, root: Path, tag: str, change: str) -> None:
    """Turn a root into an image, and remove it."""
    archive = root.with_suffix(".tar")
    run(["tar", "-C", root, "-cf", archive, "."])
    run([docker, "import", "--change", change, archive, tag])
    archive.unlink()
    shutil.rmtree(root)
