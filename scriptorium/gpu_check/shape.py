"""The shapes of the models that the check trains: Llama 3.1 8B's, and a tiny one of the same kind for any machine."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

BF16_BYTES = 2


@dataclass(frozen=True)
class CheckShape:
    """A Llama's sizes, and how much of it the check trains; `words` is the length of the text."""

    name: str
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    words: int
    max_steps: int | None = None

    @property
    def tensors(self) -> dict[str, tuple[int, ...]]:
        """The shape of every tensor by its name, in the usual order."""
        attention, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        block = {
            "self_attn.q_proj": (attention, self.hidden),
            "self_attn.k_proj": (keys, self.hidden),
            "self_attn.v_proj": (keys, self.hidden),
            "self_attn.o_proj": (self.hidden, attention),
            "mlp.gate_proj": (self.intermediate, self.hidden),
            "mlp.up_proj": (self.intermediate, self.hidden),
            "mlp.down_proj": (self.hidden, self.intermediate),
            "input_layernorm": (self.hidden,),
            "post_attention_layernorm": (self.hidden,),
        }
        layers = {
            f"model.layers.{layer}.{name}.weight": shape
            for layer in range(self.layers)
            for name, shape in block.items()
        }
        ends = (self.vocabulary, self.hidden)
        return {
            "model.embed_tokens.weight": ends, **layers, "model.norm.weight": (self.hidden,), "lm_head.weight": ends,
        }  # fmt: skip

    @property
    def bytes(self) -> int:
        """The size of the weights."""
        return BF16_BYTES * sum(prod(shape) for shape in self.tensors.values())

    @property
    def config(self) -> dict[str, object]:
        """The model's config.json."""
        return {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "bfloat16",
            "hidden_size": self.hidden, "intermediate_size": self.intermediate, "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads, "num_key_value_heads": self.kv_heads, "head_dim": self.head_dim,
            "vocab_size": self.vocabulary, "max_position_embeddings": 8192, "rope_theta": 500000.0,
            "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": False,
        }  # fmt: skip


SHAPES = {
    shape.name: shape
    for shape in (
        CheckShape(
            "8b", layers=32, hidden=4096, intermediate=14336, heads=32, kv_heads=8, head_dim=128, vocabulary=128256,
            words=63_000,
        ),
        CheckShape(
            "tiny", layers=2, hidden=128, intermediate=352, heads=2, kv_heads=1, head_dim=64, vocabulary=512,
            words=6_000, max_steps=3,
        ),
    )
}  # fmt: skip
