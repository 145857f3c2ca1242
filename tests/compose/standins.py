"""Base images: the real ones if an image registry is reachable, else the same programs from Debian's packages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.compose.shell import FOLDER, log, run, succeeds

CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
MONITORING = "prometheus,prometheus-redis-exporter,redis-server,redis-tools,wget,ca-certificates"
PYTHON = "python3,python3-venv,python3-pip,ca-certificates"
PROGRAMS = {
    "redis": ("", "redis"),
    "prometheus": ('ENTRYPOINT ["prometheus"]', "nobody"),
    "redis-exporter": ('ENTRYPOINT ["prometheus-redis-exporter"]', "nobody"),
}

# What the official images add to Axolotl and vLLM. Nothing here calls the compiler.
COMPILER = (
    "ln -s /bin/true /usr/local/bin/gcc"
    " && header=$(python3 -c \"import sysconfig; print(sysconfig.get_paths('posix_prefix')['include'])\")"
    " && mkdir -p $header && touch $header/Python.h"
)
SYSTEM_LIBRARIES = "/usr/local/nvidia/lib64"
OFFICIAL_IMAGES = {
    "axolotl": f"ENV PATH=/workspace/axolotl-venv/bin:$PATH LD_LIBRARY_PATH={SYSTEM_LIBRARIES}\n"
    f"RUN {COMPILER} && mkdir -p /workspace/axolotl-venv/lib/python3.11/site-packages/nvidia/cu13/lib\n"
    'ENTRYPOINT ["/workspace/axolotl/scripts/uv-entrypoint.sh"]',
    "vllm": f'ENV LD_LIBRARY_PATH={SYSTEM_LIBRARIES}\nRUN {COMPILER}\nENTRYPOINT ["vllm", "serve"]',
}


def base_images(docker: str) -> Mapping[str, str]:
    """Return the values of compose.yaml's image variables: none if the images can be pulled."""
    if succeeds([docker, "pull", "--quiet", "python:3.11-slim-bookworm"], seconds=120):
        return {}
    log("no image registry answers: stand-in base images from Debian's packages")
    if not succeeds([docker, "image", "inspect", "standin/python"]):
        build_python_image(docker)
    if not succeeds([docker, "image", "inspect", "standin/redis-exporter"]):
        build_monitoring_images(docker)
    names = ("python", "redis", "prometheus", "redis-exporter", *OFFICIAL_IMAGES)
    return {f"{name.upper().replace('-', '_')}_IMAGE": f"standin/{name}" for name in names}


def build_official_images(docker: str) -> None:
    """Build the stand-ins of Axolotl's and vLLM's official images on top of the images of standins.yaml."""
    for name, recipe in OFFICIAL_IMAGES.items():
        content = f"FROM standin/{name}-cpu\n{recipe}\n"
        run([docker, "build", "--quiet", "--tag", f"standin/{name}", "-"], stdin=content.encode())


def build_python_image(docker: str) -> None:
    """Build an image of Python 3.11 on Debian with this machine's certificates and wheels."""
    root = bootstrap("bookworm", PYTHON)
    shutil.copyfile(os.environ.get("SSL_CERT_FILE", f"/{CERTIFICATES}"), root / CERTIFICATES)
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    settings = {"SSL_CERT_FILE": f"/{CERTIFICATES}", "PIP_CERT": f"/{CERTIFICATES}"}
    wheels = os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS")
    if wheels and Path(wheels).is_dir():
        shutil.copytree(wheels, root / "wheels")
        settings["UV_FIND_LINKS"] = "/wheels"
    load_image(docker, root, "standin/python", f"ENV {' '.join(f'{name}={value}' for name, value in settings.items())}")


def build_monitoring_images(docker: str) -> None:
    """Build the images of Redis, Prometheus and the Redis exporter from one root."""
    root = bootstrap("trixie", MONITORING)
    (root / "etc/prometheus").rename(root / "etc/prometheus.debian")
    (root / "etc/prometheus").mkdir()
    folder = root / "prometheus"
    folder.mkdir()
    shutil.chown(folder, 65534, 65534)
    (root / "data").mkdir()
    shutil.chown(root / "data", *find_owner(root, "redis"))
    load_image(docker, root, "standin/debian", 'CMD ["true"]')
    for name, (entrypoint, user) in PROGRAMS.items():
        recipe = f"FROM standin/debian\n{entrypoint}\nUSER {user}\n"
        run([docker, "build", "--quiet", "--tag", f"standin/{name}", "-"], stdin=recipe.encode())


def find_owner(root: Path, name: str) -> tuple[int, int]:
    """Return the user and group ids of a user inside a root."""
    lines = (root / "etc/passwd").read_text().splitlines()
    fields = next(line.split(":") for line in lines if line.startswith(f"{name}:"))
    return int(fields[2]), int(fields[3])


def bootstrap(suite: str, packages: str) -> Path:
    """Create a root with a minimal Debian and a few packages."""
    root = FOLDER / f"root-{suite}"
    shutil.rmtree(root, ignore_errors=True)
    run(["debootstrap", "--variant=minbase", f"--include={packages}", suite, root])
    for path in (root / "var/cache/apt/archives").glob("*.deb"):
        path.unlink()
    return root


def load_image(docker: str, root: Path, tag: str, change: str) -> None:
    """Turn a root into an image, and remove it."""
    archive = root.with_suffix(".tar")
    run(["tar", "-C", root, "-cf", archive, "."])
    run([docker, "import", "--change", change, archive, tag])
    archive.unlink()
    shutil.rmtree(root)
