"""The clients' environments: each tool has its own, complete and pinned, so that nothing of ours is in its way."""

from __future__ import annotations

from pathlib import Path

from scriptorium.local.environments import ENVS, Environment, build

REQUIREMENTS = Path(__file__).parent / "requirements"
CLIENTS = ("openai-newest", "openai-1.78")


def install(name: str) -> Path:
    """Build the environment of a file in requirements/ unless it is up to date; return its folder of programs."""
    environment = Environment(name, ENVS / name, (REQUIREMENTS / f"{name}.txt",), gib=0.1)
    build(environment, gpu=False)
    return environment.folder / "bin"
