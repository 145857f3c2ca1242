"""A light copy of a LoRA adapter at another strength: the same tensors by hard link, and another alpha.

    scale_adapter(checkpoint, 0.7, folder)

LoRA adds scale * (B @ A) to a weight, where the scale is alpha / r, or alpha / sqrt(r) if it is rank-stabilised
(arXiv:2312.03732). So a factor of every alpha is a factor of the update, and PEFT and vLLM read it from the
configuration alone; scaling the matrices would round them a second time.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from safetensors import SafetensorError, safe_open

from scriptorium.artifacts.volume import disk_errors
from scriptorium.errors import InvalidRequest, Problem

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json", "tokenizer.model",
    "vocab.json", "merges.txt",
)  # fmt: skip
MAX_STRENGTH = 1.5  # of a copy: far beyond what was trained, text falls apart
DEFAULT_ALPHA = 8.0  # PEFT's
UNREADABLE = "There is no LoRA adapter in {name}: its {file} is missing or not readable."


def adapter_files(folder: Path) -> list[Path]:
    """Return the files of a checkpoint that make up an adapter: all but the optimiser's state."""
    names = (ADAPTER_CONFIG, ADAPTER_WEIGHTS, *TOKENIZER_FILES)
    return [folder / name for name in names if (folder / name).is_file()]


def scale_adapter(adapter: Path, strength: float, target: Path) -> None:
    """Write a light copy of an adapter at a strength; the folder appears complete or not at all.

    One that is there already is left as it is, so name it by its strength. Raises InvalidRequest for a strength that is
    out of range and for an adapter that a factor does not scale, and DiskFull.
    """
    check_copy_strength(strength)
    problems = list(find_obstacles(adapter))
    if strength != 1 and problems:
        raise InvalidRequest(
            f"The adapter {adapter.name} cannot have a strength of {strength:g}.",
            param="strength",
            problems=problems,
            next_step="Take it at strength 1.",
        )
    write_scaled_copy(adapter, strength, target)


def check_copy_strength(strength: float) -> None:
    """Raise InvalidRequest if a copy cannot have this strength."""
    if not 0 < strength <= MAX_STRENGTH:
        raise InvalidRequest(
            f"A strength is above 0 and at most {MAX_STRENGTH:g}; {strength:g} is not.",
            param="strength",
            next_step="1 is the adapter as it was trained, 0.5 half of it.",
        )


def find_obstacles(adapter: Path) -> Iterator[Problem]:
    """Yield what is more to an adapter than updates that a factor scales. Raises InvalidRequest if it is unreadable."""
    if read_config(adapter).get("use_dora"):
        yield Problem(f"{ADAPTER_CONFIG}.use_dora", "DoRA's magnitudes do not grow with the strength")
    try:
        with safe_open(adapter / ADAPTER_WEIGHTS, framework="numpy") as file:
            names = list(file.keys())
    except (OSError, SafetensorError):
        raise InvalidRequest(UNREADABLE.format(name=adapter.name, file=ADAPTER_WEIGHTS)) from None
    yield from (Problem(name, "replaces the base's tensor") for name in names if ".lora_" not in name)


def read_config(adapter: Path) -> dict[str, Any]:
    """Read adapter_config.json. Raises InvalidRequest."""
    try:
        config = json.loads((adapter / ADAPTER_CONFIG).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise InvalidRequest(UNREADABLE.format(name=adapter.name, file=ADAPTER_CONFIG))
    return config


def write_scaled_copy(adapter: Path, strength: float, target: Path) -> None:
    """Write a light copy of an adapter that is known to be scalable."""
    config = read_config(adapter)
    scaled = scale_alphas(config.get("lora_alpha", DEFAULT_ALPHA), config.get("alpha_pattern"), strength)
    temporary = target.with_name(f".{target.name}.{uuid4().hex}.tmp")
    with disk_errors():
        temporary.mkdir(parents=True)
        try:
            for path in adapter_files(adapter):
                if path.name != ADAPTER_CONFIG:
                    link_or_copy(path.resolve(), temporary / path.name)
            (temporary / ADAPTER_CONFIG).write_text(json.dumps(config | scaled, indent=2) + "\n", encoding="utf-8")
            if not target.exists():
                temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def scale_alphas(alpha: float, patterns: Mapping[str, float] | None, strength: float) -> dict[str, Any]:
    """Return the keys of a configuration that hold alpha, multiplied; whole numbers stay whole, as tools expect."""
    scaled = {name: float(value * strength) for name, value in {"": alpha, **(patterns or {})}.items()}
    whole = {name: int(value) if value.is_integer() else value for name, value in scaled.items()}
    return {"lora_alpha": whole.pop("")} | ({"alpha_pattern": whole} if patterns else {})


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file that never changes a second name, or copy it to another filesystem."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
