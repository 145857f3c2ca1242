"""The small files that make a folder of weights a model: the base's config, the trained tokenizer and chat template.

They are read and checked before the merge starts, and written after it.
"""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from scriptorium.errors import MergeFailed, Problem
from services.merger.inputs.base import CONFIG, INDEX, Base
from services.merger.planning.plan import Plan

GENERATION = "generation_config.json"
TEMPLATE = "chat_template.jinja"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
SPECIAL_TOKENS = "special_tokens_map.json"
TOKENIZER_FILES = (
    TOKENIZER, TOKENIZER_CONFIG, TEMPLATE, SPECIAL_TOKENS, "tokenizer.model", "vocab.json", "merges.txt",
)  # fmt: skip


def read_companions(plan: Plan, checkpoint: Path) -> dict[str, bytes]:
    """Every file besides the shards, by name; raises MergeFailed with all that is missing or does not fit."""
    files = base_files(plan.base) | tokenizer_files(plan.base.folder, checkpoint) | changed_files(plan)
    missing = absences(files)
    if missing:
        raise MergeFailed(
            "The model would not be whole.", problems=missing, next_step="Choose another base, or train again."
        )
    ids = token_ids(read_object(files, TOKENIZER))
    check_vocabulary(ids, plan.rows)
    end = ids.get(content(read_object(files, TOKENIZER_CONFIG).get("eos_token")))
    return files if end is None else files | stop_at(end, files)


def count_tokens(companions: dict[str, bytes]) -> int:
    """How many ids the tokenizer uses, up to the highest one."""
    return max(token_ids(read_object(companions, TOKENIZER)).values(), default=-1) + 1


def base_files(base: Base) -> dict[str, bytes]:
    """Config, generation config and, where shards need it, the index: the merged model has the same layout."""
    names = [CONFIG, GENERATION] if base.single else [CONFIG, GENERATION, INDEX]
    return read_files(base.folder, names)


def changed_files(plan: Plan) -> dict[str, bytes]:
    """Config and index where the embeddings were resized, or the output layer came apart from them."""
    if not (plan.resized or plan.untied):
        return {}
    config = deepcopy(plan.base.config)
    news = {"vocab_size": plan.rows} | ({"tie_word_embeddings": False} if plan.untied else {})
    for part in (config, config.get("text_config") or {}):
        part.update({key: value for key, value in news.items() if key in part})
    if plan.untied:
        config["tie_word_embeddings"] = False  # transformers takes it as true where it is not said
    files = {CONFIG: encode(config)}
    if not plan.base.single:
        places = {part.tensor.name: shard.name for shard in plan.shards for part in shard.parts}
        total = sum(part.tensor.bytes for part in plan.parts)
        files[INDEX] = encode({"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))})
    return files


def encode(body: dict[str, Any]) -> bytes:
    """A JSON file as transformers writes it."""
    return (json.dumps(body, indent=2) + "\n").encode()


def tokenizer_files(base: Path, checkpoint: Path) -> dict[str, bytes]:
    """The checkpoint's tokenizer; what it lacks comes from the base, unless that would override it."""
    trained, original = read_files(checkpoint, TOKENIZER_FILES), read_files(base, TOKENIZER_FILES)
    if TOKENIZER_CONFIG in trained:
        original.pop(SPECIAL_TOKENS, None)  # the trained configuration names the special tokens itself
        if read_object(trained, TOKENIZER_CONFIG).get("chat_template"):
            original.pop(TEMPLATE, None)  # loaders prefer this file to the template inside the configuration
    return original | trained


def read_files(folder: Path, names: tuple[str, ...] | list[str]) -> dict[str, bytes]:
    """Those of the files that are there."""
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}


def read_object(files: dict[str, bytes], name: str) -> dict[str, Any]:
    """Parse one of the files; raises MergeFailed."""
    try:
        body = json.loads(files[name])
    except ValueError as error:
        raise MergeFailed(f"{name} is not readable as JSON: {error}", param=name) from None
    if not isinstance(body, dict):
        raise MergeFailed(f"{name} is no JSON object.", param=name)
    return body


def absences(files: dict[str, bytes]) -> list[Problem]:
    """What a server cannot do without."""
    missing = [name for name in (TOKENIZER, TOKENIZER_CONFIG) if name not in files]
    if TEMPLATE not in files and TOKENIZER_CONFIG in files:
        inline = read_object(files, TOKENIZER_CONFIG).get("chat_template")
        missing += [] if inline else [TEMPLATE]
    return [Problem(name, "is in neither the checkpoint nor the base") for name in missing]


def token_ids(tokenizer: dict[str, Any]) -> dict[str, int]:
    """The id of every token of a tokenizer.json; Unigram vocabularies are lists, all others are objects."""
    try:
        vocabulary = tokenizer["model"]["vocab"]
        if isinstance(vocabulary, list):
            vocabulary = {piece: number for number, (piece, _) in enumerate(vocabulary)}
        ids: dict[str, int] = dict(vocabulary)
        return ids | {token["content"]: token["id"] for token in tokenizer.get("added_tokens", [])}
    except (KeyError, TypeError, ValueError):
        raise MergeFailed(f"{TOKENIZER} holds no vocabulary.", param=TOKENIZER, next_step="Train again.") from None


def check_vocabulary(ids: dict[str, int], rows: int) -> None:
    """Raise MergeFailed where the embeddings lack a row for a token."""
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
    """The text of a special token, which may be stored with its properties."""
    return token["content"] if isinstance(token, dict) else token or ""


def stop_at(end: int, files: dict[str, bytes]) -> dict[str, bytes]:
    """The generation config with the id `end` among those that stop it; nothing where it already is.

    Without it a model that was trained to end its turn with another token than the base's would never stop.
    """
    body = read_object(files, GENERATION) if GENERATION in files else {}
    known = body.get("eos_token_id", read_object(files, CONFIG).get("eos_token_id"))
    stops = known if isinstance(known, list) else [known] if known is not None else []
    if end in stops:
        return {}
    body["eos_token_id"] = [*stops, end] if stops else end
    return {GENERATION: encode(body)}
