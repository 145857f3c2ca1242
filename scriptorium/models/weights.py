"""The weights of a model folder: one model.safetensors, or several shards with an index, complete or not.

Merging reads the shards, and serving looks at them before an engine spends a minute on finding out.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from scriptorium.errors import BaseModelUnusable, Problem
from scriptorium.models.tensor_files import BrokenTensorFile, TensorFile, read_layout

CONFIG = "config.json"
SINGLE_FILE = "model.safetensors"
INDEX = "model.safetensors.index.json"
NUMBERED_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.safetensors")
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")  # formats of PyTorch's that may name code to be run


def read_shards(folder: Path) -> list[TensorFile]:
    """Read the layout of every shard; raises BaseModelUnusable with everything that is missing or broken."""
    expected = read_weight_map(folder)
    shards, problems = [], []
    for name in sorted(set(expected.values())) or [SINGLE_FILE]:
        try:
            shards.append(read_layout(folder / name))
        except BrokenTensorFile as error:
            problems.append(Problem(name, str(error)))
    if not problems and expected:
        problems = index_mismatches(shards, expected)
    raise_incomplete(folder, problems)
    return shards


def check_servable(folder: Path) -> None:
    """Raise BaseModelUnusable if an engine cannot load a folder, as far as its files tell: config, index, shards.

    An engine reads more than merging does: shards without an index.
    """
    refuse_pickles(folder)
    config = read_json(folder / CONFIG)
    if not config.get("architectures"):
        raise BaseModelUnusable(
            f"{CONFIG} of {folder.name} names no architecture.", param=CONFIG, next_step="Fetch the base model again."
        )
    if (folder / INDEX).exists() or (folder / SINGLE_FILE).exists():
        read_shards(folder)
    elif shards := sorted(folder.glob("*.safetensors")):
        raise_incomplete(folder, [*missing_numbers(shards), *broken_files(shards)])
    else:
        raise_incomplete(folder, [Problem(SINGLE_FILE, f"{SINGLE_FILE} is missing.")])


def refuse_pickles(folder: Path) -> None:
    """Raise BaseModelUnusable if a loader would take pickled weights: it looks for them if there are no others."""
    if (folder / INDEX).exists() or (folder / SINGLE_FILE).exists():
        return  # these are what every loader looks for first
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if pickles:
        raise BaseModelUnusable(
            f"The weights of {folder.name} are pickled ({pickles[0]}), and a pickle can run code when it is loaded.",
            param=pickles[0],
            next_step="Take the model in the format safetensors, or convert it on a machine where that does no harm.",
        )


def raise_incomplete(folder: Path, problems: list[Problem]) -> None:
    """Raise BaseModelUnusable if there are problems."""
    if problems:
        raise BaseModelUnusable(
            f"The model folder {folder.name} is not complete: {len(problems)} problem(s).",
            problems=problems,
            next_step="Fetch the model again, or merge it again if it was merged here.",
        )


def read_weight_map(folder: Path) -> dict[str, str]:
    """Read the index's shard of each tensor; empty for a single file. A shard is a plain file name, never a path."""
    if (folder / SINGLE_FILE).exists() or not (folder / INDEX).exists():
        return {}
    weight_map: dict[str, str] = read_json(folder / INDEX).get("weight_map", {})
    problems = [
        Problem(INDEX, f"{name!r} is not a file name") for name in set(weight_map.values()) if Path(name).name != name
    ]
    if problems:
        raise BaseModelUnusable(f"The index of {folder.name} does not name plain files.", problems=problems)
    return weight_map


def index_mismatches(shards: list[TensorFile], expected: dict[str, str]) -> list[Problem]:
    """List the tensors that the index and the shards disagree on."""
    actual = {name: shard.path.name for shard in shards for name in shard.tensors}
    counts = Counter(name for shard in shards for name in shard.tensors)
    moved = [Problem(name, "the index and the shards disagree on it") for name, _ in actual.items() ^ expected.items()]
    duplicates = [Problem(name, f"is in {count} shards") for name, count in counts.items() if count > 1]
    return sorted(set(moved) | set(duplicates), key=str)


def missing_numbers(shards: list[Path]) -> list[Problem]:
    """List the shards that the others' names count, such as the third of model-00001-of-00003.safetensors."""
    present = {shard.name for shard in shards}
    expected = {
        f"{match['stem']}-{number:05d}-of-{match['count']}.safetensors"
        for match in map(NUMBERED_SHARD.fullmatch, present)
        if match
        for number in range(1, int(match["count"]) + 1)
    }
    return [Problem(name, f"{name} is missing.") for name in sorted(expected - present)]


def broken_files(paths: list[Path]) -> list[Problem]:
    """List the files that are not complete safetensors files."""
    problems = []
    for path in paths:
        try:
            read_layout(path)
        except BrokenTensorFile as error:
            problems.append(Problem(path.name, str(error)))
    return problems


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of the base; raises BaseModelUnusable."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BaseModelUnusable(f"{path.parent.name} has no readable {path.name}: {reason}", param=path.name) from error
    if not isinstance(body, dict):
        raise BaseModelUnusable(f"{path.parent.name}: {path.name} is not a JSON object.", param=path.name)
    return body
