"""A stand-in for Axolotl's command: what it does at each start is a short script, which a test gives.

A script has `config` (the options it was started with), `folder`, and the functions below; the real Axolotl with our
plugin writes the same lines and files.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from scriptorium.artifacts.dataset import Row, write_rows
from scriptorium.contracts import TrainRequest
from scriptorium.recipe import Training

PROGRAM = """#!{python}
import json, os, signal, sys, time
from pathlib import Path
import yaml
from scriptorium.artifacts import manifest

STEPS = 6
config = yaml.safe_load(Path(sys.argv[2]).read_text())
folder = Path(config["output_dir"]).parent
environment = Path(__file__).parents[1]

def resumed_step():
    checkpoints = Path(config["output_dir"]).glob("checkpoint-*")
    return max((int(path.name.split("-")[1]) for path in checkpoints), default=0)

def write(step, **line):
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({{"time": time.time(), "step": step, "max_steps": STEPS, **line}}) + "\\n")

def begin():
    write(resumed_step(), event="begin", epoch=0.0, num_epochs=1)

def steps(first, last, loss=3.0):
    for step in range(first, last + 1):
        write(step, loss=loss, **{{"tokens/trainable": 100 * step}})

def save(step, dev_loss=3.0, complete=True):
    checkpoint = Path(config["output_dir"]) / f"checkpoint-{{step}}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "adapter_config.json").write_text(json.dumps({{"r": config["lora_r"]}}))
    if complete:
        manifest.write(checkpoint, {{"step": step, "created_at": 1, "train_loss": 3.0, "dev_loss": dev_loss}})
        write(step, event="checkpoint", train_loss=3.0, dev_loss=dev_loss)

def finish():
    begin()
    steps(resumed_step() + 1, STEPS)
    save(STEPS)
    write(STEPS, event="end", reason="complete")

def fail(text):
    print(text, flush=True)
    sys.exit(1)

number = len(list(environment.glob("config.*.yaml"))) + 1
(environment / f"config.{{number}}.yaml").write_text(yaml.safe_dump({{**config, "resumed": resumed_step()}}))
exec((environment / f"start.{{number}}.py").read_text())
"""


class FakeAxolotl:
    """An environment whose `axolotl` runs one script after the other, one at each start."""

    def __init__(self, environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.environment = environment
        program = environment / "bin" / "axolotl"
        program.parent.mkdir(parents=True)
        program.write_text(PROGRAM.format(python=sys.executable))
        program.chmod(0o755)
        monkeypatch.setenv("SCRIPTORIUM_AXOLOTL_ENV", str(environment))
        monkeypatch.setenv("SCRIPTORIUM_DEVICE", "cpu")

    def will(self, *scripts: str) -> None:
        """Set what happens at each start."""
        for number, script in enumerate(scripts, start=1):
            (self.environment / f"start.{number}.py").write_text(script)

    @property
    def configs(self) -> list[dict[str, object]]:
        """The options of each start, and in `resumed` the step that it could go on from."""
        paths = sorted(self.environment.glob("config.*.yaml"))
        return [yaml.safe_load(path.read_text()) for path in paths]


def make_request(folder: Path, **training: object) -> TrainRequest:
    """Return the request of a training on eight short rows."""
    (folder / "dataset").mkdir()
    passage = [{"role": "user", "content": "Write."}, {"role": "assistant", "content": "word " * 20}]
    write_rows(folder / "dataset" / "train.jsonl", [Row(messages=passage, chapter="1")] * 8)
    write_rows(folder / "dataset" / "dev.jsonl", [])
    options = Training.model_validate({"adapter": "lora", "keep": 0, "gradient_accumulation_steps": 2, **training})
    return TrainRequest(dataset=folder / "dataset", base=folder / "base", training=options)
