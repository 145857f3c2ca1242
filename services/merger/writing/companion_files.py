"""The small files beside a model's weights: the base's config, the trained tokenizer and its chat template.

They are read and checked before the merge starts, and written after it.
"""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from scriptorium.errors import MergeFailed, Problem
from scriptorium.models.scaled_adapter import TOKENIZER_FILES
from scriptorium.models.weights import CONFIG, INDEX
from services.merger.inputs.base import Base
from services.merger.planning.plan import Plan

GENERATION_CONFIG = "generation_config.json"
CHAT_TEMPLATE = "chat_template.jinja"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
SPECIAL_TOKENS = "special_tokens_map.json"


def read_companions(plan: Plan, checkpoint: Path, temperature: float | None = None) -> dict[str, bytes]:
    """Read every file besides the shards, by name; raises MergeFailed with all that are missing or do not fit.

    The model writes at `temperature` by default, if one is given.
    """
    files = base_files(plan.base) | tokenizer_files(plan.base.folder, checkpoint) | changed_files(plan)
    missing = missing_files(files)
    if missing:
        raise MergeFailed(
            "The model would not be complete.", problems=missing, next_step="Choose another base, or train again."
        )
    ids = token_ids(read_object(files, TOKENIZER))
    check_vocabulary(ids, plan.rows)
    eos_id = ids.get(content(read_object(files, TOKENIZER_CONFIG).get("eos_token")))
    return files | adapt_generation(files, eos_id, temperature)


def count_tokens(companions: dict[str, bytes]) -> int:
    """Return how many ids the tokenizer uses, up to the highest one."""
    return max(token_ids(read_object(companions, TOKENIZER)).values(), default=-1) + 1


def base_files(base: Base) -> dict[str, bytes]:
    """Read config, generation config and, if the base has one, the index: the merged model has the same layout."""
    names = [CONFIG, GENERATION_CONFIG] if base.single else [CONFIG, GENERATION_CONFIG, INDEX]
    return read_files(base.folder, names)


def changed_files(plan: Plan) -> dict[str, bytes]:
    """Return the changed config and index if the embeddings were resized or the output layer untied from them."""
    if not (plan.resized or plan.untied):
        return {}
    config = deepcopy(plan.base.config)
    changes = {"vocab_size": plan.rows} | ({"tie_word_embeddings": False} if plan.untied else {})
    for section in (config, config.get("text_config") or {}):
        section.update({key: value for key, value in changes.items() if key in section})
    if plan.untied:
        config["tie_word_embeddings"] = False  # transformers' default is true
    files = {CONFIG: encode(config)}
    if not plan.base.single:
        weight_map = {part.tensor.name: shard.name for shard in plan.shards for part in shard.parts}
        total = sum(part.tensor.bytes for part in plan.parts)
        files[INDEX] = encode({"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))})
    return files


def encode(body: dict[str, Any]) -> bytes:
    """Encode a JSON file as transformers writes it."""
    return (json.dumps(body, indent=2) + "\n").encode()


def tokenizer_files(base: Path, checkpoint: Path) -> dict[str, bytes]:
    """Read the checkpoint's tokenizer; what it lacks comes from the base, unless that would override it."""
    trained, original = read_files(checkpoint, TOKENIZER_FILES), read_files(base, TOKENIZER_FILES)
    if TOKENIZER_CONFIG in trained:
        original.pop(SPECIAL_TOKENS, None)  # the trained configuration names the special tokens itself
        if read_object(trained, TOKENIZER_CONFIG).get("chat_template"):
            original.pop(CHAT_TEMPLATE, None)  # loaders prefer this file to the template inside the configuration
    return original | trained


def read_files(folder: Path, names: tuple[str, ...] | list[str]) -> dict[str, bytes]:
    """Read those of the files that exist."""
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}


def read_object(files: dict[str, bytes], name: str) -> dict[str, Any]:
    """Parse one of the files; raises MergeFailed."""
    try:
        body = json.loads(files[name])
    except ValueError as error:
        raise MergeFailed(f"{name} is not readable as JSON: {error}", param=name) from None
    if not isinstance(body, dict):
        raise MergeFailed(f"{name} is not a JSON object.", param=name)
    return body


def missing_files(files: dict[str, bytes]) -> list[Problem]:
    """List missing files that a server needs."""
    missing = [name for name in (TOKENIZER, TOKENIZER_CONFIG) if name not in files]
    if CHAT_TEMPLATE not in files and TOKENIZER_CONFIG in files:
        inline = read_object(files, TOKENIZER_CONFIG).get("chat_template")
        missing += [] if inline else [CHAT_TEMPLATE]
    return [Problem(name, "is in neither the checkpoint nor the base") for name in missing]


def token_ids(tokenizer: dict[str, Any]) -> dict[str, int]:
    """Return the id of every token of a tokenizer.json; Unigram vocabularies are lists, all others are objects."""
    try:
        vocabulary = tokenizer["model"]["vocab"]
        if isinstance(vocabulary, list):
            vocabulary = {piece: number for number, (piece, _) in enumerate(vocabulary)}
        ids: dict[str, int] = dict(vocabulary)
        return ids | {token["content"]: token["id"] for token in tokenizer.get("added_tokens", [])}
    except (KeyError, TypeError, ValueError):
        raise MergeFailed(f"{TOKENIZER} holds no vocabulary.", param=TOKENIZER, next_step="Train again.") from None


def check_vocabulary(ids: dict[str, int], rows: int) -> None:
    """Raise MergeFailed if the embeddings lack a row for a token."""
    beyond = sorted((number, token) for token, number in ids.items() if number >= rows)
    if beyond:
        raise MergeFailed(
            f"The trained tokenizer has {len(beyond)} token(s) that the model has no embedding for.",
            problems=[
                Problem(TOKENIZER, f"{token!r} has the id {n}; the embeddings have {rows} rows") for n, token in beyond
            ],
            next_step="Train without adding tokens.",
        )


def content(token: str | dict[str, Any] | None) -> str:
    """Return the text of a special token, which may be stored with its properties."""
    return token["content"] if isinstance(token, dict) else token or ""


def adapt_generation(files: dict[str, bytes], eos_id: int | None, temperature: float | None) -> dict[str, bytes]:
    """Return the generation config with another token that ends an answer, or a temperature, if that changes it.

    Without the token a model that was trained to end its turn with another one than the base's would never stop.
    """
    before = read_object(files, GENERATION_CONFIG) if GENERATION_CONFIG in files else {}
    eos_ids = before.get("eos_token_id", read_object(files, CONFIG).get("eos_token_id"))
    stops = eos_ids if isinstance(eos_ids, list) else [eos_ids] if eos_ids is not None else []
    changes: dict[str, Any] = {}
    if eos_id is not None and eos_id not in stops:
        changes["eos_token_id"] = [*stops, eos_id] if stops else eos_id
    if temperature is not None:
        changes |= {"do_sample": True, "temperature": temperature}
    if changes and GENERATION_CONFIG not in files and stops:
        changes = {"eos_token_id": eos_ids} | changes  # a new file hides the tokens that config.json names
    return {GENERATION_CONFIG: encode(before | changes)} if changes else {}
