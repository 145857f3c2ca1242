"""The Modelfile beside a GGUF file: what `ollama create NAME -f model-q8_0.Modelfile` reads.

It names the file, the template, the tokens that end an answer, and the temperature at which the voice was calibrated.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scriptorium.contracts import Level
from scriptorium.errors import BaseModelUnusable
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.models.weights import CONFIG
from services.merger.exporting.go_template import derive_turns
from services.merger.exporting.vocabulary import added_token, find_end_of_turn
from services.merger.writing.companion_files import GENERATION_CONFIG, TOKENIZER, token_ids

SUFFIX = ".Modelfile"
CONTEXT = 4096  # tokens, as our own engines serve by default; Ollama's default depends on its version and the card
NO_TEMPLATE = (
    "The chat template does more than to wrap each message, so there is no TEMPLATE here: Ollama looks the one in the "
    "GGUF file up among those it knows. Compare an answer with `scriptorium chat` before you trust it."
)


def modelfile_path(path: Path) -> Path:
    """Return where the Modelfile of a GGUF file is."""
    return path.with_suffix(SUFFIX)


def write_modelfile(model: Path, path: Path, reporter: Reporter) -> None:
    """Write the Modelfile of a GGUF file that a model's folder was exported to."""
    template = make_template(model)
    if not template:
        reporter.message(f"[MERGE] {path.name}: {NO_TEMPLATE}", Level.WARN)
    parameters = [("temperature", read_temperature(model)), ("num_ctx", read_context(model))]
    lines = [
        f"FROM ./{path.name}",
        f'TEMPLATE """{template}"""' if template else f"# {NO_TEMPLATE}",
        *(f'PARAMETER stop "{token}"' for token in list_end_tokens(model)),
        *(f"PARAMETER {name} {value:g}" for name, value in parameters if value is not None),
    ]
    modelfile_path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_template(model: Path) -> str:
    """Return the model's template for Ollama, or "" if there is none that renders the same."""
    try:
        turns = derive_turns(ChatTokenizer(model), added_token(model))
    except BaseModelUnusable:
        return ""
    return turns.go_template() if turns else ""


def list_end_tokens(model: Path) -> list[str]:
    """Return the text of each token that ends an answer: the end of a turn first, then those of the configuration."""
    texts = {number: text for text, number in token_ids(read_json(model / TOKENIZER)).items()}
    numbers = read_json(model / GENERATION_CONFIG).get("eos_token_id", read_json(model / CONFIG).get("eos_token_id"))
    listed = numbers if isinstance(numbers, list) else [numbers]
    tokens = [find_end_of_turn(model), *(texts[number] for number in listed if number in texts)]
    return [token for token in dict.fromkeys(tokens) if token and '"' not in token]


def read_temperature(model: Path) -> float | None:
    """Return the temperature that the model writes at by default, if its configuration names one."""
    temperature = read_json(model / GENERATION_CONFIG).get("temperature")
    return float(temperature) if temperature is not None else None


def read_context(model: Path) -> int:
    """Return the context length to start with: raise it where the memory allows."""
    return min(CONTEXT, int(read_json(model / CONFIG).get("max_position_embeddings", CONTEXT)))


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object, an empty one if the file is missing."""
    body: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return body
