"""Build the environments: `python -m scriptorium.local.environments [NAME ...]`; what is there already costs nothing.

    light     our own code (.venv)                      requirements.txt, requirements-dev.txt
    axolotl   training (.envs/axolotl)                  services/trainer/requirements.txt
    vllm      serving (.envs/vllm)                      services/server/requirements-{cpu,gpu}.txt
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
STAMP = ".installed"
NO_SPACE = "No space left on device"


@dataclass(frozen=True)
class Environment:
    """A folder, what goes into it, and how much room it takes."""

    name: str
    folder: Path
    requirements: tuple[Path, ...]
    gib: float
    torch: bool = False
    editable: bool = False
    target: bool = False  # a plain folder of packages instead of a virtual environment

    @property
    def stamp(self) -> str:
        """What the environment must have been built from to be left alone."""
        parts = [path.read_bytes() for path in self.requirements] + [sys.version.encode(), str(self.folder).encode()]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    @property
    def ready(self) -> bool:
        """Whether it was built from just these requirements."""
        stamp = self.folder / STAMP
        return stamp.exists() and stamp.read_text("utf-8") == self.stamp


def environments(*, gpu: bool) -> dict[str, Environment]:
    """Every environment; the GPU decides which vLLM is taken."""
    vllm = PROJECT / "services" / "server" / f"requirements-{'gpu' if gpu else 'cpu'}.txt"
    light = (PROJECT / "requirements.txt", PROJECT / "requirements-dev.txt", PROJECT / "pyproject.toml")
    axolotl = PROJECT / "services" / "trainer" / "requirements.txt"
    demo = PROJECT / "scriptorium" / "local" / "demo-requirements.txt"
    made = (
        Environment("light", PROJECT / ".venv", light, gib=0.7, editable=True),
        Environment("axolotl", ENVS / "axolotl", (axolotl,), gib=4, torch=True),
        Environment("vllm", ENVS / "vllm", (vllm,), gib=4, torch=True),
        Environment("demo", DEMO / "packages", (demo,), gib=0.3, target=True),
    )
    return {environment.name: environment for environment in made}


def build(environment: Environment, *, gpu: bool) -> None:
    """Install what is missing; the stamp is written last. Exits with one sentence where that fails."""
    with locked(environment.folder):
        if environment.ready:
            return
        started = time.monotonic()
        say(f"installing {environment.name} (about {environment.gib:g} GiB) ...")
        make_room(environment)
        for line in commands(environment, gpu=gpu):
            run(environment, line)
        (environment.folder / STAMP).write_text(environment.stamp, "utf-8")
        say(f"installing {environment.name} took {time.monotonic() - started:.0f} s")


def make_room(environment: Environment) -> None:
    """Check the disk, and remove what an older set of requirements left."""
    environment.folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(environment.folder).free / 2**30
    if free < environment.gib:
        stop(f"{environment.name} cannot be installed: it needs {environment.gib:g} GiB and {free:.1f} GiB are free on "
             f"the disk of {environment.folder}. Free some space, then run the same command again.")  # fmt: skip
    if environment.name != "light":
        shutil.rmtree(environment.folder)


def commands(environment: Environment, *, gpu: bool) -> Iterator[list[str]]:
    """Uv's command lines. Requirement files are complete, so nothing is resolved here (but for CUDA's vLLM)."""
    uv = str(PROJECT / ".venv" / "bin" / "uv")
    files = [f"--requirement={path}" for path in environment.requirements if path.suffix == ".txt"]
    complete = [] if gpu and environment.name == "vllm" else ["--no-deps"]
    if environment.target:
        yield [uv, "pip", "install", "--quiet", "--target", str(environment.folder), *complete, *files]
        return
    python = environment.folder / "bin" / "python"
    if not python.exists():
        yield [uv, "venv", "--quiet", "--python", sys.executable, str(environment.folder)]
    backend = torch_backend(gpu=gpu) if environment.torch else []
    compiled = ["--compile-bytecode"] if environment.torch else []
    yield [uv, "pip", "install", "--quiet", "--python", str(python), *complete, *compiled, *backend, *files]
    if environment.editable:
        yield [uv, "pip", "install", "--quiet", "--python", str(python), "--no-deps", "--editable", str(PROJECT)]


def torch_backend(*, gpu: bool) -> list[str]:
    """Which builds of PyTorch uv takes. A folder of wheels that the user names is trusted to hold the right one."""
    if "UV_FIND_LINKS" in variables() or "UV_TORCH_BACKEND" in os.environ:
        return []
    return ["--torch-backend=auto"] if gpu else ["--torch-backend=cpu"]


def variables() -> Mapping[str, str]:
    """Uv's environment: it does not read pip's folders of wheels by itself."""
    links = os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS")
    return {**os.environ, **({"UV_FIND_LINKS": links} if links else {})}


def run(environment: Environment, line: list[str]) -> None:
    """Run one command; its failure becomes one sentence: what, why, what to do."""
    done = subprocess.run(line, env=dict(variables()), capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    words = [text.strip(" ×╰─▶│\t") for text in done.stderr.splitlines() if text.strip(" ×╰─▶│\t")]
    reason = " ".join(words)[:600] or f"uv ended with status {done.returncode}"
    stop(f"{environment.name} cannot be installed: {reason} {advice(reason)}")


def advice(reason: str) -> str:
    """What to do about a failed installation."""
    if NO_SPACE in reason:
        return "Free some space on the disk, then run the same command again."
    if "torch" in reason:
        return (
            "PyTorch's build for this machine was not found: set UV_FIND_LINKS to a folder that has its wheel, or "
            "UV_TORCH_BACKEND (cpu, auto) so that uv asks PyTorch's own index, then run the same command again."
        )
    return "Is the package index reachable? Then run the same command again: it goes on where it stopped."


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One installation of a folder at a time; a second one waits."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def say(text: str) -> None:
    """Tell what happens."""
    sys.stderr.write(f"setup: {text}\n")
    sys.stderr.flush()


def stop(text: str) -> None:
    """End with one sentence."""
    say(text)
    raise SystemExit(1)


def main(names: list[str]) -> None:
    """Build the named environments, or every one."""
    gpu = has_nvidia_gpu()
    known = environments(gpu=gpu)
    unknown = [name for name in names if name not in known]
    if unknown:
        stop(f"there is no environment {unknown[0]!r}; there are: {', '.join(known)}.")
    for name in names or known:
        build(known[name], gpu=gpu)


if __name__ == "__main__":
    main(sys.argv[1:])
