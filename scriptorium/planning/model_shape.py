"""The shape of a base model, read from its config.json: parameters by part and FLOPs per token.

Covers decoders built like Llama (Llama, Mistral, Qwen 2 and 3, SmolLM, Gemma, Phi-3): attention with grouped keys and
values, and a gated MLP. Biases and the few weights of norms are left out of FLOPs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scriptorium.errors import BaseModelUnusable
from scriptorium.models.weights import CONFIG, read_json

LLAMA_LIKE = {"llama", "mistral", "ministral", "qwen2", "qwen3", "smollm3", "gemma", "gemma2", "gemma3_text", "phi3"}
FORWARD = 2  # FLOPs of a parameter and token: a multiplication and an addition
FROZEN = 4  # forward, and the gradient of its input: arXiv:2001.08361, section 2.1
TRAINED = 6  # the same, and its own gradient
SCORE_BACKWARD = 2.5  # attention's backward pass, in forward passes: five products instead of two (FlashAttention-2)
SIZES = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
OPTIONAL_SIZES = ("num_key_value_heads", "head_dim")
MAX_SIZE = 10**9  # of any of them
KNOWN_SHAPES = {"meta-llama/Llama-3.1-8B-Instruct": (128256, 4096, 32, 32, 8, 128, 14336, False)}


@dataclass(frozen=True)
class ModelShape:
    """The sizes of a decoder; `stored_bytes` are the bytes of a stored weight."""

    name: str
    vocabulary: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    tied_embeddings: bool
    stored_bytes: int = 2

    @property
    def attention_width(self) -> int:
        """The width of all query heads together."""
        return self.heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """The width of all key heads together."""
        return self.kv_heads * self.head_dim

    @property
    def projections(self) -> tuple[tuple[int, int], ...]:
        """The linear layers of one block as (inputs, outputs): q, k, v, o, gate, up, down."""
        hidden, attention, kv, inner = self.hidden, self.attention_width, self.kv_width, self.intermediate
        return (
            *((hidden, attention), (hidden, kv), (hidden, kv), (attention, hidden)),
            *((hidden, inner), (hidden, inner), (inner, hidden)),
        )

    @property
    def linear_parameters(self) -> int:
        """The parameters of all blocks' linear layers: what QLoRA quantises, and what LoRA adapts."""
        return self.layers * sum(inputs * outputs for inputs, outputs in self.projections)

    @property
    def head_parameters(self) -> int:
        """The parameters of the head, which may share its values with the embeddings."""
        return self.vocabulary * self.hidden

    @property
    def other_parameters(self) -> int:
        """The parameters of embeddings, head and norms, which stay unquantised."""
        return self.head_parameters * (1 if self.tied_embeddings else 2) + self.hidden * (2 * self.layers + 1)

    @property
    def parameters(self) -> int:
        """All parameters."""
        return self.linear_parameters + self.other_parameters

    def lora_parameters(self, rank: int) -> int:
        """Return the parameters of an adapter of a rank on all linear layers."""
        return self.layers * rank * sum(inputs + outputs for inputs, outputs in self.projections)

    def forward_flops(self, rank: int, context: float, *, head: bool = True) -> float:
        """Return the FLOPs of a token's forward pass with `context` tokens in its row; half of them precede it."""
        parameters = self.linear_parameters + self.lora_parameters(rank) + (self.head_parameters if head else 0)
        return FORWARD * parameters + self._score_flops(context)

    def training_flops(self, rank: int, context: float, *, recompute: bool) -> float:
        """Return the FLOPs of a token in a training step; `recompute` is gradient checkpointing, for the blocks."""
        frozen = FROZEN * (self.linear_parameters + self.head_parameters)
        step = frozen + TRAINED * self.lora_parameters(rank) + self._score_flops(context) * (1 + SCORE_BACKWARD)
        return step + (self.forward_flops(rank, context, head=False) if recompute else 0)

    def _score_flops(self, context: float) -> float:
        """Return the forward FLOPs of attention's two products for a token, causal: half of the row on average."""
        return self.layers * 2 * FORWARD * self.attention_width * context / 2


def read_shape(folder: Path, name: str = "") -> ModelShape:
    """Read a model folder's config.json. Raises BaseModelUnusable if it is missing or not of a kind that is known."""
    return shape_of(read_json(folder / CONFIG), name or folder.name)


def shape_of(config: dict[str, Any], name: str) -> ModelShape:
    """Return the shape that a config describes. Raises BaseModelUnusable if it is not built like Llama."""
    missing = [key for key in SIZES if not is_size(config.get(key))]
    missing += [key for key in OPTIONAL_SIZES if config.get(key) is not None and not is_size(config[key])]
    if missing or config.get("model_type") not in LLAMA_LIKE:
        reason = f"its config.json lacks {', '.join(missing)}" if missing else f"it is a {config.get('model_type')!r}"
        raise BaseModelUnusable(f"{name} cannot be planned: {reason}.", param="model")
    heads = config["num_attention_heads"]
    return ModelShape(
        name=name,
        vocabulary=config["vocab_size"],
        hidden=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head_dim=config.get("head_dim") or config["hidden_size"] // heads,
        intermediate=config["intermediate_size"],
        tied_embeddings=bool(config.get("tie_word_embeddings", False)),
        stored_bytes=4 if config.get("dtype", config.get("torch_dtype")) == "float32" else 2,
    )


def is_size(value: Any) -> bool:
    """Return whether a value of a config can be a size."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_SIZE


def known_shape(name: str) -> ModelShape | None:
    """Return the shape of the default base model, so that it can be planned before it is fetched; None for others."""
    return ModelShape(name, *KNOWN_SHAPES[name]) if name in KNOWN_SHAPES else None
