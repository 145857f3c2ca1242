"""The environment variables of Axolotl and vLLM: what the user set for them, our defaults, and nothing else of ours.

A variable that tunes PyTorch, CUDA, NCCL, Triton or vLLM goes through and wins over a default. Secrets do not: neither
tool needs one, and their logs are shown to people. Everything that is compiled at run time lies in one cache folder,
because containers mount /tmp so that nothing in it can be executed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

NAMES = {"HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "HF_HOME", "LD_LIBRARY_PATH", "CC", "CXX", "TOKENIZERS_PARALLELISM"}
PREFIXES = (
    "AXOLOTL_", "BNB_", "CUBLAS_", "CUDA_", "CUDNN_", "FLASHINFER_", "GLOO_", "KMP_", "MALLOC_", "MKL_", "NCCL_",
    "NVIDIA_", "OMP_", "PYTORCH_", "TORCH", "TRITON_", "VLLM_",
)  # fmt: skip
# What each of the tools' libraries asks before it reports its use to somebody.
NO_TELEMETRY = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_DO_NOT_TRACK": "1",
    "AXOLOTL_DO_NOT_TRACK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "WANDB_ERROR_REPORTING": "false",
}
SECRET_ENDINGS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIALS")
FIXED = {
    "PYTHONUNBUFFERED": "1",
    "HF_HUB_OFFLINE": "1",
    "TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1",  # no pickle runs code, whatever a library asks for
    "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "0",
    **NO_TELEMETRY,
}


def make_tool_environment(
    tool: Path, cache: Path, defaults: Mapping[str, str], fixed: Mapping[str, str]
) -> dict[str, str]:
    """Make the variables of a process in the environment `tool`: the user's win over `defaults`, never over `fixed`."""
    path = {"PATH": f"{tool / 'bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}"}
    return {**defaults, **inherit(os.environ), **cuda_libraries(tool), **cache_folders(cache), **FIXED, **fixed, **path}


def opt_out_of_telemetry() -> None:
    """Tell the libraries of this process the same: they read it when they are first imported."""
    os.environ.update(NO_TELEMETRY)


def inherit(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are the tools' own business and no secrets."""
    return {
        name: value
        for name, value in environ.items()
        if (name in NAMES or name.startswith(PREFIXES)) and not name.endswith(SECRET_ENDINGS)
    }


def cuda_libraries(tool: Path) -> dict[str, str]:
    """Return LD_LIBRARY_PATH with CUDA 13's libraries of this environment in front, if it has them.

    The entrypoint of Axolotl's image does the same: a library of the system may be older than what torch was built for.
    """
    folders = [str(folder) for folder in sorted(tool.glob("lib/python3*/site-packages/nvidia/cu13/lib"))]
    others = [folder for folder in os.environ.get("LD_LIBRARY_PATH", "").split(":") if folder and folder not in folders]
    return {"LD_LIBRARY_PATH": ":".join(folders + others)} if folders else {}


def cache_folders(cache: Path) -> dict[str, str]:
    """Return where each compiler puts its results; `scriptorium prune` removes what is old."""
    return {
        "VLLM_CACHE_ROOT": str(cache / "vllm"),
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"),
        "TRITON_CACHE_DIR": str(cache / "triton"),
        "TORCH_EXTENSIONS_DIR": str(cache / "extensions"),
        "FLASHINFER_WORKSPACE_BASE": str(cache / "flashinfer"),
        "CUDA_CACHE_PATH": str(cache / "cuda"),
    }
