"""A merge that is killed at any moment leaves no half-written model, and the next attempt resumes at its shard.

Each attempt is a process of its own that takes over the finished shards of the previous one, merges and publishes, as a
worker does. SIGKILL comes at random moments, from before the first byte until after the last.
"""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from scriptorium.artifacts import manifest
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Phase

KILLS, SHARDS = 20, 8
ROWS, COLUMNS, RANK = 1536, 1024, 16
JOB = "ftjob-1"
ATTEMPT = f"""
import sys
from pathlib import Path
from scriptorium.contracts import MergeRequest, Phase
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.artifacts.volume import Volume
from services.merger.writing.resume import resume_merge
from services.merger.merge import merge_adapter
from services.merger.inputs import safetensors_file

root, number = Path(sys.argv[1]), int(sys.argv[2])
volume = Volume(root)
safetensors_file.row_blocks.__defaults__ = (1 << 16, 1)  # many small blocks
print("ready", flush=True)
folder = volume.attempt("{JOB}", Phase.MERGE, number)
resume_merge(volume.earlier_attempts("{JOB}", Phase.MERGE, number), folder)
result = merge_adapter(MergeRequest(base=root / "base", training=root / "training"), folder, SilentReporter())
volume.publish("{JOB}", Phase.MERGE, folder, {{"result": result.model_dump(mode="json")}})
"""

pytestmark = pytest.mark.slow


def write_inputs(root: Path) -> None:
    """Write a base of 8 shards, 50 MB in all, and a checkpoint that changes one of each shard's two matrices."""
    rng = np.random.default_rng(4)
    base, checkpoint = root / "base", root / "training" / "checkpoints" / "checkpoint-1"
    base.mkdir(parents=True)
    checkpoint.mkdir(parents=True)
    weight_map, adapter = {}, {}
    for shard in range(SHARDS):
        names = [f"model.layers.{shard}.up_proj.weight", f"model.layers.{shard}.down_proj.weight"]
        names[1] = "model.embed_tokens.weight" if shard == 0 else names[1]
        file = f"model-{shard + 1:05}-of-{SHARDS:05}.safetensors"
        values = {name: rng.normal(size=(ROWS, COLUMNS)).astype(ml_dtypes.bfloat16) for name in names}
        save_file(values, base / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(names, file)
        module = f"base_model.model.model.layers.{shard}.up_proj"
        adapter[f"{module}.lora_A.weight"] = rng.normal(size=(RANK, COLUMNS)).astype(np.float32)
        adapter[f"{module}.lora_B.weight"] = rng.normal(size=(ROWS, RANK)).astype(np.float32)
    write_json(base / "model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})
    write_json(base / "config.json", {"tie_word_embeddings": False})
    save_file(adapter, checkpoint / "adapter_model.safetensors")
    write_json(checkpoint / "adapter_config.json", {"peft_type": "LORA", "r": RANK, "lora_alpha": 24})
    write_json(checkpoint / "tokenizer.json", {"model": {"vocab": {"a": 0}}})
    write_json(checkpoint / "tokenizer_config.json", {"chat_template": "x"})
    manifest.write(checkpoint, {"step": 1, "created_at": 0, "train_loss": None, "dev_loss": None})


def write_json(path: Path, body: object) -> None:
    path.write_text(json.dumps(body))


def attempt(root: Path, number: int, timeout: float | None) -> tuple[bool, float]:
    """Run an attempt and kill it after `timeout` seconds; return whether it reached its end, and its seconds."""
    process = subprocess.Popen([sys.executable, "-c", ATTEMPT, str(root), str(number)], stdout=subprocess.PIPE)
    assert process.stdout
    with process.stdout:
        assert process.stdout.readline() == b"ready\n"
        started = time.monotonic()
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            code = process.wait()
    assert code in (0, -signal.SIGKILL)
    return code == 0, time.monotonic() - started


def weights(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}


def finished(volume: Volume) -> dict[str, int]:
    """Return the inodes of the finished shards that attempts have left."""
    records = sorted(volume.run(JOB).glob("merge.*.tmp/finished/*.json"))
    return {record.stem: (record.parents[1] / record.stem).stat().st_ino for record in records}


def test_twenty_kills(tmp_path: Path) -> None:
    write_inputs(tmp_path)
    volume, rng = Volume(tmp_path), random.Random(20)  # noqa: S311
    done, seconds = attempt(tmp_path, 1, None)
    assert done
    expected = weights(volume.folder(JOB, Phase.MERGE))
    assert len(expected) == SHARDS
    kills = number = resumed = 0
    while kills < KILLS or not volume.published(JOB, Phase.MERGE):
        if volume.published(JOB, Phase.MERGE):  # the last attempt was not killed in time: begin again
            volume.folder(JOB, Phase.MERGE).rename(tmp_path / f"complete-{number}")
            volume.discard_attempts(JOB, Phase.MERGE)
        number += 1
        before = finished(volume)
        done, _ = attempt(tmp_path, number, rng.uniform(0, seconds) if kills < KILLS else None)
        kills += not done
        if not done and not volume.published(JOB, Phase.MERGE):
            assert not volume.folder(JOB, Phase.MERGE).exists()
            assert before.items() <= finished(volume).items()  # reused, not written again
        else:
            body = volume.published(JOB, Phase.MERGE)
            assert body
            assert body["result"]["resumed_shards"] == len(before)
            resumed += len(before)
            assert manifest.is_complete(volume.folder(JOB, Phase.MERGE))
            assert weights(volume.folder(JOB, Phase.MERGE)) == expected
            assert not (volume.folder(JOB, Phase.MERGE) / "finished").exists()
    assert kills == KILLS
    assert resumed
