"""Our merge beside peft's, Axolotl's and a plain copy: `python -m bench.merge`, with SIZE=8b in full.

Builds a Llama-8B-shaped base with random weights (SIZE: 1, 8 or 32 layers; "8b" is 32) and an r=64 adapter on all seven
projections below build/bench, then runs each contender in a process of its own, in turns. Ours is the whole
phase: reading, merging, reading back and proving, fsync. The floor is a copy of the base's bytes with fsync. The output
of peft and Axolotl is synced within their time, too. Peak memory is the largest resident set of the process.

All read the base from the disk, as after hours of training; ours and the floor then also from the page cache, from
which a copy needs hardly any processor time, unlike the merge. The last line is about the disk. TURNS is how often each
runs (2), and ONLY selects contenders, such as floor,ours.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from scriptorium.artifacts import manifest
from scriptorium.models.tensor_files import Tensor
from services.merger.inputs.safetensors_file import make_header

ROOT = Path(__file__).parents[1]
HIDDEN_SIZE, INNER_SIZE, KEY_SIZE, RANK = 4096, 14336, 1024, 64
MODULES = {
    "self_attn.q_proj": (HIDDEN_SIZE, HIDDEN_SIZE),
    "self_attn.k_proj": (KEY_SIZE, HIDDEN_SIZE),
    "self_attn.v_proj": (KEY_SIZE, HIDDEN_SIZE),
    "self_attn.o_proj": (HIDDEN_SIZE, HIDDEN_SIZE),
    "mlp.gate_proj": (INNER_SIZE, HIDDEN_SIZE),
    "mlp.up_proj": (INNER_SIZE, HIDDEN_SIZE),
    "mlp.down_proj": (HIDDEN_SIZE, INNER_SIZE),
}
CONTENDERS = ("floor", "ours", "peft", "axolotl")
SHARD_BYTES = 1_200_000_000
BLOCK = 1 << 22
Commands = dict[str, tuple[list[str], dict[str, str]]]
OURS = """
import json, resource, sys
from pathlib import Path
from scriptorium.contracts import MergeRequest
from scriptorium.jobs.reporter import SilentReporter
from services.merger.merge import merge_adapter
folder = Path(sys.argv[3]); folder.mkdir()
request = MergeRequest(base=Path(sys.argv[1]), training=Path(sys.argv[2]))
print(merge_adapter(request, folder, SilentReporter()).model_dump_json(), file=sys.stderr)
"""
PEFT = """
import sys, torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
base = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.bfloat16)
PeftModel.from_pretrained(base, sys.argv[2]).merge_and_unload().save_pretrained(sys.argv[3])
"""


def layers() -> int:
    """Return the number of layers that SIZE selects."""
    size = os.environ.get("SIZE", "8").lower()
    return 32 if size == "8b" else int(size)


def vocabulary(count: int) -> int:
    """Return the rows of the embeddings: Llama 3's for all layers, fewer for a part, so that layers dominate there."""
    return 128256 if count == 32 else 49152


def base_shapes(count: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of the base, in the usual order."""
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (vocabulary(count), HIDDEN_SIZE)}
    for layer in range(count):
        shapes |= {f"model.layers.{layer}.{name}.weight": shape for name, shape in MODULES.items()}
        shapes |= {
            f"model.layers.{layer}.{name}_layernorm.weight": (HIDDEN_SIZE,) for name in ("input", "post_attention")
        }
    return shapes | {"model.norm.weight": (HIDDEN_SIZE,), "lm_head.weight": (vocabulary(count), HIDDEN_SIZE)}


def write_tensors(path: Path, shapes: dict[str, tuple[int, ...]], noise: NDArray[np.generic]) -> None:
    """Write a file of random tensors: pieces of the same noise, each from another place."""
    width, code = noise.dtype.itemsize, "BF16" if noise.dtype.itemsize == 2 else "F32"
    tensors = [Tensor(name, code, shape, 0, int(np.prod(shape)) * width) for name, shape in shapes.items()]
    rng = np.random.default_rng(len(path.name))
    with path.open("wb") as file:
        file.write(make_header(b"\0" * 8 + b'{"__metadata__":{"format":"pt"}}', tensors))
        for tensor in tensors:
            remaining = tensor.bytes // width
            while remaining:
                start = int(rng.integers(0, noise.size - BLOCK))
                piece = noise[start : start + min(remaining, BLOCK)]
                file.write(piece.tobytes())
                remaining -= piece.size
        file.flush()
        os.fsync(file.fileno())


def build(folder: Path, count: int) -> None:
    """Build everything that the contenders read."""
    shutil.rmtree(folder, ignore_errors=True)
    build_base(folder / "base", count)
    build_adapter(folder / "training", folder / "base", count)
    (folder / "ready").touch()


def build_base(folder: Path, count: int) -> None:
    """Build the base, in shards of about 1.2 GB, with an index and a minimal tokenizer."""
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).normal(0, 0.02, 3 * BLOCK).astype(ml_dtypes.bfloat16)
    shards: list[dict[str, tuple[int, ...]]] = [{}]
    for name, shape in base_shapes(count).items():
        if shards[-1] and 2 * sum(int(np.prod(s)) for s in [*shards[-1].values(), shape]) > SHARD_BYTES:
            shards.append({})
        shards[-1][name] = shape
    weight_map: dict[str, str] = {}
    for number, shapes in enumerate(shards, start=1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        write_tensors(folder / file, shapes, noise)
        weight_map |= dict.fromkeys(shapes, file)
    total = 2 * sum(int(np.prod(shape)) for shape in base_shapes(count).values())
    write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": weight_map})
    write_json(folder / "config.json", llama_config(count))
    write_tokenizer(folder)


def llama_config(count: int) -> dict[str, object]:
    """Return Llama 3.1 8B's configuration with another number of layers."""
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN_SIZE,
        "intermediate_size": INNER_SIZE, "num_hidden_layers": count, "num_attention_heads": 32,
        "num_key_value_heads": 8, "hidden_act": "silu",
        "vocab_size": vocabulary(count), "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "rope_theta": 500000.0,
        "bos_token_id": 0, "eos_token_id": 1, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
    }  # fmt: skip


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer of a few words; nothing here tokenizes."""
    words = {word: number for number, word in enumerate(("<s>", "</s>", "<unk>", "a", "b"))}
    added = [{"id": n, "content": w, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
              "special": True} for w, n in list(words.items())[:3]]  # fmt: skip
    model = {"type": "WordLevel", "vocab": words, "unk_token": "<unk>"}
    write_json(folder / "tokenizer.json", {"version": "1.0", "added_tokens": added, "model": model})
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
        "pad_token": "<unk>", "chat_template": "{{ messages }}",
    })  # fmt: skip


def build_adapter(training: Path, base: Path, count: int) -> None:
    """Build a training with one checkpoint: an fp32 adapter, as PEFT saves it."""
    folder = training / "checkpoints" / "checkpoint-1"
    folder.mkdir(parents=True)
    noise = np.random.default_rng(1).normal(0, 0.01, 3 * BLOCK).astype(np.float32)
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(count):
        for name, (outputs, inputs) in MODULES.items():
            module = f"base_model.model.model.layers.{layer}.{name}"
            shapes |= {f"{module}.lora_A.weight": (RANK, inputs), f"{module}.lora_B.weight": (outputs, RANK)}
    write_tensors(folder / "adapter_model.safetensors", shapes, noise)
    write_json(folder / "adapter_config.json", {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": RANK, "lora_alpha": 2 * RANK, "bias": "none",
        "base_model_name_or_path": str(base), "target_modules": [name.rpartition(".")[2] for name in MODULES],
        "init_lora_weights": True, "inference_mode": True, "lora_dropout": 0.0,
    })  # fmt: skip
    write_tokenizer(folder)
    manifest.write(folder, {"step": 1, "created_at": 0, "train_loss": None, "dev_loss": None})


def write_json(path: Path, body: object) -> None:
    """Write one JSON file."""
    path.write_text(json.dumps(body, indent=2))


def measure(command: list[str], environment: dict[str, str], out: Path) -> tuple[float, float]:
    """Run a contender and return its seconds and peak memory in MB; its output is made durable within its time."""
    shutil.rmtree(out, ignore_errors=True)
    os.sync()
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            sys.exit(f"{command[:2]} failed:\n{output.read().decode(errors='replace')[-3000:]}")
    for path in out.rglob("*"):
        manifest.sync(path)
    return time.monotonic() - started, usage.ru_maxrss / 1024


COPY = """
import os, sys
from pathlib import Path
source, target = Path(sys.argv[1]), Path(sys.argv[2])
target.mkdir()
for path in sorted(source.iterdir()):
    with path.open("rb") as file, (target / path.name).open("wb") as copy:
        remaining = path.stat().st_size
        while remaining:
            remaining -= os.copy_file_range(file.fileno(), copy.fileno(), remaining)
        os.fsync(copy.fileno())
"""


def contenders(base: Path, training: Path, out: Path, folder: Path) -> Commands:
    """Return each contender's command and environment."""
    axolotl = ROOT / ".envs/axolotl/bin"
    adapter = training / "checkpoints" / "checkpoint-1"
    quiet = {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    config = folder / "axolotl.yaml"
    write_json(config, {
        "base_model": str(base), "adapter": "lora", "lora_model_dir": str(adapter), "output_dir": str(out),
        "lora_r": RANK, "lora_alpha": 2 * RANK, "lora_target_linear": True, "bf16": True, "micro_batch_size": 1,
        "gradient_accumulation_steps": 1, "num_epochs": 1, "learning_rate": 1e-4, "sequence_len": 512,
        "datasets": [{"path": "none", "type": "completion"}], "tokenizer_config": str(adapter),
    })  # fmt: skip
    return {
        "floor": ([sys.executable, "-c", COPY, str(base), str(out)], {}),
        "ours": ([sys.executable, "-c", OURS, str(base), str(training), str(out)], quiet),
        "peft": ([str(axolotl / "python"), "-c", PEFT, str(base), str(adapter), str(out)], quiet),
        "axolotl": ([str(axolotl / "axolotl"), "merge-lora", str(config)], quiet | {"AXOLOTL_DO_NOT_TRACK": "1"}),
    }


def main() -> None:
    """Build what is missing, run the turns, print the table and the line of ratios."""
    count, turns = layers(), int(os.environ.get("TURNS", "2"))
    selected = os.environ.get("ONLY", ",".join(CONTENDERS)).split(",")
    folder = ROOT / "build" / "bench" / f"merge-{count}"
    base, out = folder / "base", folder / "out"
    if not (folder / "ready").exists():  # in a process of its own: a child's peak is never less than its parent's size
        builder = multiprocessing.get_context("spawn").Process(target=build, args=(folder, count))
        builder.start()
        builder.join()
    shards = list(base.glob("*.safetensors"))
    size = sum(path.stat().st_size for path in shards) / 1e6
    print(f"{count} layers, {size / 1e3:.2f} GB in {len(shards)} shards, adapter r={RANK}")
    commands = contenders(base, folder / "training", out, folder)
    cold = {name: commands[name] for name in selected}
    warm = {name: commands[name] for name in ("floor", "ours")}
    print_ratios(*take_turns("cold", cold, turns, out, shards), *take_turns("warm", warm, turns, out, shards))


def take_turns(
    cache: str, commands: Commands, turns: int, out: Path, shards: list[Path]
) -> tuple[dict[str, float], float]:
    """Return each contender's median seconds, and ours' peak memory in MB, with a "cold" or "warm" page cache."""
    size = sum(path.stat().st_size for path in shards)
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    highest = 0.0
    for turn in range(1, turns + 1):
        for name, command in commands.items():
            CACHES[cache](shards)
            duration, peak = measure(*command, out)
            seconds[name].append(duration)
            highest = max(highest, peak if name == "ours" else 0)
            speed = size / duration / 1e6
            print(f"{cache} {turn}  {name:8} {duration:7.1f} s  {speed:6.0f} MB/s  peak {peak:7.0f} MB", flush=True)
            shutil.rmtree(out, ignore_errors=True)
    return {name: statistics.median(durations) for name, durations in seconds.items()}, highest


def print_ratios(cold: dict[str, float], peak: float, warm: dict[str, float], warm_peak: float) -> None:
    """Print the lines of ratios."""
    floor, peft, axolotl = (cold.get(name, float("nan")) for name in ("floor", "peft", "axolotl"))
    ours = cold["ours"]
    print(f"from the page cache: floor_ratio={warm['ours'] / warm['floor']:.2f}")
    print(f"merge: floor_ratio={ours / floor:.2f} peft_ratio={peft / ours:.2f} axolotl_ratio={axolotl / ours:.2f} "
          f"peak_mb={max(peak, warm_peak):.0f}")  # fmt: skip


def drop_from_cache(shards: list[Path]) -> None:
    """Drop files from the page cache; the kernel does so only for pages that do not wait to be written."""
    for path in shards:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_into_cache(shards: list[Path]) -> None:
    """Read files into the page cache."""
    for path in shards:
        manifest.hash_file(path)


CACHES = {"cold": drop_from_cache, "warm": read_into_cache}

if __name__ == "__main__":
    main()
