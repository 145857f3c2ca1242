"""Build the environments: `python -m scriptorium.local.environments [NAME ...]`; existing ones cost no time.

    light     our own code (.venv)                      requirements.txt, requirements-dev.txt,
                                                        services/evaluator/requirements.txt
    axolotl   training (.envs/axolotl)                  services/trainer/requirements{,-gpu}.txt
    vllm      serving (.envs/vllm)                      services/server/requirements-{cpu,gpu}.txt
    llama     llama.cpp's quantiser (.envs/llama)       services/merger/requirements-llama.txt
    demo      a small base model and books (build/demo) scriptorium/local/demo-requirements.txt

Standard library only: it runs before anything is installed, except uv.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scriptorium.process.gpu import has_nvidia_gpu

PROJECT = Path(__file__).resolve().parents[2]
ENVS = PROJECT / ".envs"
DEMO = PROJECT / "build" / "demo"
STAMP_FILE = ".installed"
NO_SPACE = "No space left on device"


@dataclass(frozen=True)
class Environment:
    """A folder of packages: its requirements and its size."""

    name: str
    folder: Path
    requirements: tuple[Path, ...]
    gib: float
    torch: bool = False
    editable: bool = False
    target: bool = False  # a plain folder of packages instead of a virtual environment
    hashed: bool = False  # every file that is installed has one of the hashes in the requirements

    @property
    def stamp(self) -> str:
        """The hash of the requirements, the Python version and the folder; a change means a rebuild."""
        parts = [path.read_bytes() for path in self.requirements] + [sys.version.encode(), str(self.folder).encode()]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    @property
    def ready(self) -> bool:
        """True if the environment was built from exactly these requirements."""
        stamp = self.folder / STAMP_FILE
        return stamp.exists() and stamp.read_text("utf-8") == self.stamp


def environments(*, gpu: bool) -> dict[str, Environment]:
    """Return every environment by name; `gpu` selects the builds of Axolotl and vLLM: for CUDA, or for a CPU."""
    vllm = PROJECT / "services" / "server" / f"requirements-{'gpu' if gpu else 'cpu'}.txt"
    lists = ("requirements.txt", "requirements-dev.txt", "services/evaluator/requirements.txt", "pyproject.toml")
    light = tuple(PROJECT / name for name in lists)
    axolotl = PROJECT / "services" / "trainer" / f"requirements{'-gpu' if gpu else ''}.txt"
    llama = PROJECT / "services" / "merger" / "requirements-llama.txt"
    demo = PROJECT / "scriptorium" / "local" / "demo-requirements.txt"
    entries = (
        Environment("light", PROJECT / ".venv", light, gib=0.8, editable=True, hashed=True),
        Environment("axolotl", ENVS / "axolotl", (axolotl,), gib=9 if gpu else 4, torch=True),
        Environment("vllm", ENVS / "vllm", (vllm,), gib=13 if gpu else 4, torch=True),
        Environment("llama", ENVS / "llama", (llama,), gib=0.1),
        Environment("demo", DEMO / "packages", (demo,), gib=0.3, target=True),
    )
    return {environment.name: environment for environment in entries}


def build(environment: Environment, *, gpu: bool) -> None:
    """Install an environment unless it is up to date, writing the stamp last; exit with one sentence if that fails."""
    with lock_folder(environment.folder):
        if environment.ready:
            return
        started = time.monotonic()
        print_status(f"installing {environment.name} (about {environment.gib:g} GiB) ...")
        prepare_folder(environment)
        for line in commands(environment, gpu=gpu):
            run(environment, line)
        (environment.folder / STAMP_FILE).write_text(environment.stamp, "utf-8")
        print_status(f"installing {environment.name} took {time.monotonic() - started:.0f} s")


def prepare_folder(environment: Environment) -> None:
    """Check the free space, and remove what older requirements left."""
    environment.folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(environment.folder).free / 2**30
    if free < environment.gib:
        needs = f"it needs {environment.gib:g} GiB and {free:.1f} GiB are free on the disk of {environment.folder}"
        advice = "Free some space, then run the same command again."
        exit_with(f"{environment.name} cannot be installed: {needs}. {advice}")
    if environment.name != "light":
        shutil.rmtree(environment.folder)


def commands(environment: Environment, *, gpu: bool) -> Iterator[list[str]]:
    """Yield uv's command lines; requirement files are complete, so no dependency is resolved."""
    uv = str(PROJECT / ".venv" / "bin" / "uv")
    files = [f"--requirement={path}" for path in environment.requirements if path.suffix == ".txt"]
    if environment.target:
        yield [uv, "pip", "install", "--quiet", "--target", str(environment.folder), "--no-deps", *files]
        return
    python = environment.folder / "bin" / "python"
    if not python.exists():
        yield [uv, "venv", "--quiet", "--python", sys.executable, str(environment.folder)]
    backend = torch_backend(gpu=gpu) if environment.torch else []
    options = ["--compile-bytecode"] * environment.torch + ["--require-hashes"] * environment.hashed
    yield [uv, "pip", "install", "--quiet", "--python", str(python), "--no-deps", *options, *backend, *files]
    if environment.editable:
        yield [uv, "pip", "install", "--quiet", "--python", str(python), "--no-deps", "--editable", str(PROJECT)]


def torch_backend(*, gpu: bool) -> list[str]:
    """Return uv's option for PyTorch's build; none if the user names a folder of wheels or a backend.

    On a GPU it is the build of the package index, for the CUDA whose libraries our lists pin.
    """
    if gpu or "UV_FIND_LINKS" in uv_environment() or "UV_TORCH_BACKEND" in os.environ:
        return []
    return ["--torch-backend=cpu"]


def uv_environment() -> Mapping[str, str]:
    """Return uv's environment variables, with pip's folder of wheels, which uv does not read by itself."""
    links = os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS")
    return {**os.environ, **({"UV_FIND_LINKS": links} if links else {})}


def run(environment: Environment, line: list[str]) -> None:
    """Run one command; if it fails, exit with one sentence: what failed, why, and what to do."""
    process = subprocess.run(line, env=dict(uv_environment()), capture_output=True, text=True, check=False)
    if process.returncode == 0:
        return
    lines = [text.strip(" ×╰─▶│\t") for text in process.stderr.splitlines() if text.strip(" ×╰─▶│\t")]
    reason = " ".join(lines)[:600] or f"uv ended with status {process.returncode}"
    exit_with(f"{environment.name} cannot be installed: {reason} {installation_advice(reason)}")


def installation_advice(reason: str) -> str:
    """Return what to do about a failed installation."""
    if NO_SPACE in reason:
        return "Free some space on the disk, then run the same command again."
    if "torch" in reason:
        return (
            "PyTorch's build for this machine was not found: set UV_FIND_LINKS to a folder that has its wheel, or "
            "UV_TORCH_BACKEND (cpu, auto) so that uv asks PyTorch's own index, then run the same command again."
        )
    return "Is the package index reachable? Then run the same command again: it continues where it stopped."


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, so that only one process installs it; the others wait."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name.lstrip('.')}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def print_status(text: str) -> None:
    """Print a line of progress to standard error."""
    sys.stderr.write(f"setup: {text}\n")
    sys.stderr.flush()


def exit_with(text: str) -> None:
    """Print one sentence and exit with status 1."""
    print_status(text)
    raise SystemExit(1)


def main(names: list[str]) -> None:
    """Build the named environments, or all of them."""
    gpu = has_nvidia_gpu()
    known = environments(gpu=gpu)
    unknown = [name for name in names if name not in known]
    if unknown:
        exit_with(f"there is no environment {unknown[0]!r}; there are: {', '.join(known)}.")
    for name in names or known:
        build(known[name], gpu=gpu)


if __name__ == "__main__":
    main(sys.argv[1:])
