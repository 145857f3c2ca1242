"""The plugin's measurements: `python plugin_measures.py FOLDER`, in Axolotl's environment on a CPU.

A tiny Llama with tied embeddings and LoRA on its attention; FOLDER gets measured.json, the metrics.jsonl of three
simulated steps, and in samples/ what the model writes in four real ones.
"""

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from scriptorium.artifacts.checkpoint_samples import SampleBrief, SampleOrder, read_samples, write_order
from services.trainer.inside_axolotl import plugin
from services.trainer.inside_axolotl.write_samples import SampleWriter

CPU = torch.device("cpu")
CONFIG = LlamaConfig(
    vocab_size=320,
    hidden_size=64,
    intermediate_size=96,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    tie_word_embeddings=True,
)


def simulate_steps(folder: Path, model: torch.nn.Module) -> None:
    """Call the plugin as the trainer does: a step, an evaluation, two steps; the tokens of earlier attempts count."""
    callback = plugin.ScriptoriumCallback(folder)
    args = SimpleNamespace(
        device=CPU, bf16=True, fp16=False, num_train_epochs=1, output_dir=str(folder / "checkpoints")
    )
    state = SimpleNamespace(global_step=0, max_steps=3, epoch=0.0, is_world_process_zero=True)
    callback.on_train_begin(args, state, None, model=model)
    for tokens, loss in ((5000, "loss"), (5000, "eval_loss"), (5400, "loss"), (5800, "loss")):
        state.global_step += loss == "loss"
        time.sleep(0.05)
        callback.on_log(args, state, None, logs={loss: 3.0, "tokens/total": tokens})


class Ids:
    """A tokenizer whose words are numbers."""

    eos_token_id = 2

    def decode(self, ids: list[int], **_: object) -> str:
        return " ".join(map(str, ids))


def train(writer: SampleWriter | None, steps: int = 4) -> list[float]:
    """Train with dropout, so that every random number counts, and return the losses; write before and between steps."""
    torch.manual_seed(1)
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", lora_dropout=0.3)
    model = get_peft_model(LlamaForCausalLM(CONFIG), config)
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=0.3)
    losses = []
    model.train()
    for step in range(steps):
        if writer:
            writer.write(model, Ids(), step)
        ids = torch.randint(3, CONFIG.vocab_size, (2, 24))
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def write_samples(folder: Path) -> dict[str, object]:
    """Train with and without samples, and try what must write none."""
    torch.set_num_threads(1)  # sums on two threads differ from run to run
    briefs = [SampleBrief("Short.", "A.", [5, 6, 7]), SampleBrief("Long.", "B.", list(range(10, 60)))]
    write_order(folder, SampleOrder(briefs, 12, 42))
    written = train(SampleWriter(folder, lambda: False))
    samples = len(read_samples(folder))
    again = folder / "again"
    again.mkdir()
    write_order(again, SampleOrder(briefs, 12, 42))
    train(SampleWriter(again, lambda: True))  # somebody asked for a pause
    paused = len(read_samples(again))
    train(SampleWriter(again, lambda: False), steps=1)
    callback = plugin.ScriptoriumCallback(again)
    args = SimpleNamespace(output_dir=str(again / "checkpoints"))
    (again / "checkpoints" / "checkpoint-9").mkdir(parents=True)
    callback.on_save(args, SimpleNamespace(global_step=9, max_steps=9, epoch=1.0, is_world_process_zero=True), None)
    return {
        "losses": [train(None), written],
        "samples": samples,
        "paused": paused,
        "repeated": [sample.text for sample in read_samples(again)],
    }


def resume(folder: Path, step: int) -> dict[str, int] | None:
    """Return the token counts that the plugin restores at a step; there is a checkpoint of step 2."""
    checkpoint = folder / "checkpoints" / "checkpoint-2"
    checkpoint.mkdir(parents=True, exist_ok=True)
    (checkpoint / "tokens_state.json").write_text('{"total": 700, "trainable": 500}')
    state = SimpleNamespace(global_step=step)
    plugin.restore_token_counts(state, folder / "checkpoints")
    return {name: int(count.item()) for name, count in state.tokens.items()} if hasattr(state, "tokens") else None


if __name__ == "__main__":
    model = get_peft_model(
        LlamaForCausalLM(CONFIG), LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    )
    before = torch.random.get_rng_state()
    peaks = [plugin.measure_peak(CPU, dtype) for dtype in (torch.float32, torch.bfloat16)]
    simulate_steps(Path(sys.argv[1]), model)
    measured = {
        "flops": plugin.count_flops(model),
        "trained": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "peaks": peaks,
        "random_numbers_kept": torch.equal(before, torch.random.get_rng_state()),
        "use_of_no_gpu": plugin.gpu_use(torch.device("cuda:0")),
        "tokens": [resume(Path(sys.argv[1]), step) for step in (0, 2)],
        "writing": write_samples(Path(sys.argv[1])),
        "peak_of_no_gpu": plugin.measure_peak(torch.device("cuda:0"), torch.float32),
    }
    (Path(sys.argv[1]) / "measured.json").write_text(json.dumps(measured))
