"""Build tiny models, LoRA adapters and PEFT's own merges: `python peft_reference.py FOLDER`, in Axolotl's environment.

FOLDER/<case>/{base,adapter,merged}: the base in the case's type, A and B with random values, and merge_and_unload of
the base loaded as fp32, saved as fp32. FOLDER/<case>/logits.safetensors: the logits of base and unmerged adapter for a
few tokens. The values of a case "exact" lie on a coarse grid, on which every sum of an fp32 product is exact.

`python peft_reference.py FOLDER MERGED...` loads merged models with transformers and writes their logits beside them.
"""

import sys
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CONV = ["c_attn", "c_proj", "c_fc"]
KINDS = {
    "plain": {},
    "rslora": {"use_rslora": True},
    "patterns": {
        "rank_pattern": {"q_proj": 4, r"layers\.1\.mlp\.down_proj": 16},
        "alpha_pattern": {"self_attn.o_proj": 24, r"^model\.layers\.0\.mlp\.up_proj": 3},
    },
    "dora": {"use_dora": True},
    "saved": {"modules_to_save": ["lm_head", "embed_tokens", "norm"]},
    "embeddings": {"target_modules": [*PROJECTIONS, "embed_tokens", "lm_head"]},
    "embeddings_dora": {"target_modules": [*PROJECTIONS, "embed_tokens"], "use_dora": True},
    "resized": {},
    "conv": {"target_modules": CONV, "fan_in_fan_out": True},
    "conv_dora": {"target_modules": CONV, "fan_in_fan_out": True, "use_dora": True},
    "tied_resized": {},
    "tied_saved_together": {"modules_to_save": ["embed_tokens"], "ensure_weight_tying": True},
    "tied_saved_apart": {"modules_to_save": ["embed_tokens"]},
    "tied_saved_head": {"modules_to_save": ["lm_head"]},
    "tied_embeddings": {"target_modules": [*PROJECTIONS, "embed_tokens"]},
    "tied_embeddings_together": {"target_modules": [*PROJECTIONS, "embed_tokens"], "ensure_weight_tying": True},
    "tied_head": {"target_modules": [*PROJECTIONS, "lm_head"]},
}
TYPES = {"bf16": torch.bfloat16, "fp32": torch.float32, "exact": torch.float32}
IDS = torch.arange(1, 41).reshape(2, 20)
VOCABULARY, GROWN_VOCABULARY = 320, 330


def tiny(kind: str) -> LlamaForCausalLM | GPT2LMHeadModel:
    """Make a model of two layers with random weights: a Llama with grouped-query attention, or a GPT-2."""
    if kind.startswith("conv"):
        shape = {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 64}
        return GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, bos_token_id=0, eos_token_id=0, **shape))
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=176,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=kind == "rslora" or kind.startswith("tied"),
    )
    return LlamaForCausalLM(config)


def make_coarse(parameter: torch.Tensor) -> None:
    """Put values on a grid of 1/4 between -1/2 and 1/2: then DoRA's sums of squares have at most 22 bits, too."""
    parameter.copy_(torch.randint(-2, 3, parameter.shape) / 4)


def load(folder: Path, kind: str) -> LlamaForCausalLM | GPT2LMHeadModel:
    """Load the base as fp32, with more tokens if the case needs them."""
    model = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32)
    if "resized" in kind:
        model.resize_token_embeddings(GROWN_VOCABULARY, mean_resizing=False)
    return model


@torch.no_grad()
def train(tuned: PeftModel, *, exact: bool) -> None:
    """Give every trainable parameter, and grown embeddings, values that training might have."""
    pointers = set()
    for name, parameter in tuned.named_parameters():
        grown = parameter.shape[:1] == (GROWN_VOCABULARY,) and "lora" not in name
        if (parameter.requires_grad or grown) and parameter.data_ptr() not in pointers:
            pointers.add(parameter.data_ptr())
            if exact:
                make_coarse(parameter)
            elif "magnitude" in name:
                parameter.mul_(1 + 0.1 * torch.rand_like(parameter))
            elif "lora_" in name:
                parameter.normal_(std=0.05)
            else:
                parameter.add_(0.05 * torch.randn_like(parameter))


@torch.no_grad()
def write_case(folder: Path, precision: str, kind: str) -> None:
    """Write base, adapter, merge and logits."""
    base = tiny(kind).to(TYPES[precision])
    if precision == "exact":
        for parameter in base.parameters():
            make_coarse(parameter)
    base.save_pretrained(folder / "base")
    options = {"r": 8, "lora_alpha": 12, "target_modules": PROJECTIONS} | KINDS[kind]
    tuned = get_peft_model(load(folder, kind), LoraConfig(**options))
    train(tuned, exact=precision == "exact")
    tuned.save_pretrained(folder / "adapter")
    tuned = PeftModel.from_pretrained(load(folder, kind), folder / "adapter")
    save_file({"logits": tuned.eval()(IDS).logits}, folder / "logits.safetensors")
    tuned.merge_and_unload().save_pretrained(folder / "merged")


@torch.no_grad()
def write_logits(folder: Path) -> None:
    """Load a merged model as fp32 and write its logits; no weight may be missing or left over."""
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    problems = {key: sorted(map(str, info[key])) for key in ("missing_keys", "unexpected_keys", "mismatched_keys")}
    if any(problems.values()):
        sys.exit(f"{folder}: {problems}")
    save_file({"logits": model.eval()(IDS).logits}, folder.with_suffix(".logits.safetensors"))


def main(folder: Path, merged: list[str]) -> None:
    """Write every case, or the logits of merged models."""
    torch.manual_seed(0)
    for name in merged:
        write_logits(Path(name))
    for kind in KINDS if not merged else ():
        for precision in TYPES:
            write_case(folder / f"{kind}-{precision}", precision, kind)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
