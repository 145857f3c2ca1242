"""The plugin's measurements: `python plugin_measures.py FOLDER`, in Axolotl's environment on a CPU.

A tiny Llama with tied embeddings and LoRA on its attention; FOLDER gets measured.json, the metrics.jsonl of three
simulated steps, and in samples/ what the model writes in four real ones.
"""

import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.data_loader import skip_first_batches
from accelerate.utils import DataLoaderConfiguration
from axolotl.utils.samplers.multipack import MultipackBatchSampler
from peft import LoraConfig, get_peft_model
from torch.utils.data import DataLoader, RandomSampler, TensorDataset
from transformers import LlamaConfig, LlamaForCausalLM

from scriptorium.artifacts.checkpoint_samples import SampleBrief, SampleOrder, read_samples, write_order
from services.trainer.inside_axolotl import meter, plugin, score_checkpoints
from services.trainer.inside_axolotl.writing.write_samples import SampleWriter

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
    args = SimpleNamespace(output_dir=str(again / "checkpoints"), device=CPU)
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


def count_preferences(folder: Path, model: torch.nn.Module) -> list[float]:
    """Return the trained tokens of each line of a training by preferences that is resumed at its first step."""
    folder.mkdir()
    args = SimpleNamespace(
        device=CPU, bf16=True, fp16=False, num_train_epochs=1, output_dir=str(folder / "checkpoints")
    )
    for first, steps in ((0, 2), (1, 2)):
        callback = plugin.ScriptoriumCallback(folder)
        state = SimpleNamespace(global_step=first, max_steps=3, epoch=0.0, is_world_process_zero=True)
        callback.on_train_begin(args, state, None, model=model)
        for step in range(1, steps + 1):
            state.global_step = first + step
            callback.on_log(args, state, None, logs={"loss": 0.6, "num_tokens": 100.0 * step, "rewards/margins": 0.1})
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["tokens/trainable"] for line in lines if "loss" in line]


def load_packs() -> DataLoader[int]:
    """Make a loader of packed rows as Axolotl does."""
    torch.manual_seed(42)
    config = DataLoaderConfiguration(use_seedable_sampler=True, even_batches=False)
    lengths = np.arange(20, 60)
    sampler = MultipackBatchSampler(
        RandomSampler(lengths), batch_size=1, batch_max_len=100, lengths=lengths, bin_size=200, num_processes=1
    )
    len(sampler)  # which packs the rows once, to count
    loader = DataLoader(TensorDataset(torch.arange(40)), batch_sampler=sampler, collate_fn=list)
    return Accelerator(cpu=True, dataloader_config=config).prepare(loader)


def resumed_packs() -> list[bool]:
    """Return whether the packs after a resume are those of an undisturbed second epoch, without the plugin and with it.

    As the trainer does, a resumed epoch skips the batches that it has had.
    """
    undisturbed = load_packs()
    for epoch in range(2):
        undisturbed.set_epoch(epoch)
        packs = [str(pack) for pack in undisturbed]
    are_same = []
    for step in (0, 21):
        loader = load_packs()
        plugin.restore_epoch(SimpleNamespace(global_step=step, epoch=1.2), loader)
        resumed = skip_first_batches(loader, 3)
        resumed.set_epoch(1)
        are_same.append([str(pack) for pack in resumed] == packs[3:])
    return are_same


def end(folder: Path, *, loss: float = 3.0, control_file: str = "", stops_early: bool = False) -> dict[str, object]:
    """Return what the plugin decides in step 2 of 3, when a save is due, and the reason that it writes at the end."""
    folder.mkdir()
    if control_file:
        (folder / "control").write_text(control_file)
    callback = plugin.ScriptoriumCallback(folder, stops_early=stops_early)
    args = SimpleNamespace(eval_strategy="steps", device=CPU)
    state = SimpleNamespace(global_step=2, max_steps=3, epoch=1.0, is_world_process_zero=True)
    control = SimpleNamespace(should_save=True, should_evaluate=True, should_training_stop=False)
    callback.on_step_end(args, state, control)
    callback.on_log(args, state, control, logs={"loss": loss})
    callback.on_train_end(args, state, control)
    last = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    return {"stop": control.should_training_stop, "save": control.should_save, "reason": last["reason"]}


def caps(share: str) -> list[tuple[float, int]]:
    """Return the shares that the plugin sets if there is a GPU."""
    with (
        patch.object(torch.cuda, "is_available", lambda: True),
        patch.object(torch.cuda, "set_per_process_memory_fraction") as cap,
        patch.dict(os.environ, {plugin.MEMORY_SHARE: share, "LOCAL_RANK": "1"}),
    ):
        plugin.ScriptoriumPlugin().pre_model_load(None)
    return [call.args for call in cap.call_args_list]


def places() -> list[object]:
    """Return where the scoring child loads its base to, without and with a GPU."""
    chosen = []
    for gpu in (False, True):
        with (
            patch.object(torch.cuda, "is_available", return_value=gpu),
            patch.object(score_checkpoints.AutoModelForCausalLM, "from_pretrained") as load,
        ):
            score_checkpoints.load_base("base")
        chosen.append(load.call_args.kwargs["device_map"])
    return chosen


if __name__ == "__main__":
    model = get_peft_model(
        LlamaForCausalLM(CONFIG), LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    )
    before = torch.random.get_rng_state()
    peaks = [meter.measure_peak(CPU, dtype) for dtype in (torch.float32, torch.bfloat16)]
    simulate_steps(Path(sys.argv[1]), model)
    measured = {
        "flops": meter.count_flops(model),
        "trained": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "peaks": peaks,
        "random_numbers_kept": torch.equal(before, torch.random.get_rng_state()),
        "use_of_no_gpu": meter.gpu_use(torch.device("cuda:0")),
        "tokens": [resume(Path(sys.argv[1]), step) for step in (0, 2)],
        "preference_tokens": count_preferences(Path(sys.argv[1]) / "preferences", model),
        "packs_after_a_resume": resumed_packs(),
        "endings": {
            "nan": end(Path(sys.argv[1]) / "nan", loss=float("nan")),
            "stop": end(Path(sys.argv[1]) / "stop", control_file="stop"),
            "pause": end(Path(sys.argv[1]) / "pause", control_file="pause"),
            "early": end(Path(sys.argv[1]) / "early", stops_early=True),
        },
        "caps": caps("0.92"),
        "places": places(),
        "writing": write_samples(Path(sys.argv[1])),
        "peak_of_no_gpu": meter.measure_peak(torch.device("cuda:0"), torch.float32),
    }
    (Path(sys.argv[1]) / "measured.json").write_text(json.dumps(measured))
