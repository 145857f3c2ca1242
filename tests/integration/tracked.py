"""Trackers over two attempts at one training: `python tracked.py FOLDER MODE`, in Axolotl's environment.

The first attempt is killed one or two steps after its checkpoint of step 2; the second goes on from there. MODE is
offline, online, or refused by the server. FOLDER/tracked.json has what TensorBoard's and W&B's own formats hold of the
second attempt's folder.
"""

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from wandb.proto import wandb_internal_pb2

from scriptorium.artifacts.checkpoint_samples import CheckpointSample
from services.trainer.inside_axolotl.trackers import Trackers

BLOCK_BYTES = 32768
CHUNK_HEADER = struct.Struct("<IHB")  # checksum, length, and whether it is whole, first, middle or last
WHOLE_CHUNK, LAST_CHUNK = 1, 4
ORDER = {
    "id": "ftjob-1",
    "project": "novel",
    "name": "Emma",
    "entity": None,
    "tags": ["a"],
    "mode": "offline" if sys.argv[2] == "offline" else "online",
}


def make_line(step: int, **numbers: float) -> dict[str, Any]:
    return {"time": 1000.0 + 2 * step, "step": step, "max_steps": 4, "loss": 3.0 - step / 10, "mfu_ratio": 0.5,
            "tokens/trainable": 500.0 * step} | numbers  # fmt: skip


def track(folder: Path, earlier: list[dict[str, Any]], lines: list[dict[str, Any]]) -> list[str]:
    """Run one attempt's trackers, and return what they wanted a person to know."""
    folder.mkdir()
    (folder / "wandb.json").write_text(json.dumps(ORDER))
    notices: list[str] = []
    trackers = Trackers(folder, notices.append)
    trackers.open(earlier)
    trackers.add_samples([CheckpointSample(0, 0, "A secret sentence.", True)])
    for line in lines:
        trackers.add(line)
    trackers.close()
    return notices


def read_events(folder: Path) -> dict[str, Any]:
    """Return the points of every curve in the event files, and the names of the texts."""
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    scalars = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in tags["scalars"]}
    return {"scalars": scalars, "texts": tags["tensors"]}


def read_records(path: Path) -> Iterator[Any]:
    """Yield the records of a .wandb file: LevelDB's log format after a header of seven bytes."""
    data, position, parts = path.read_bytes(), 7, b""
    while position + CHUNK_HEADER.size <= len(data):
        left = BLOCK_BYTES - position % BLOCK_BYTES
        if left < CHUNK_HEADER.size:
            position += left
            continue
        _, length, kind = CHUNK_HEADER.unpack_from(data, position)
        position += CHUNK_HEADER.size
        parts += data[position : position + length]
        position += length
        if kind in (WHOLE_CHUNK, LAST_CHUNK):
            yield wandb_internal_pb2.Record.FromString(parts)
            parts = b""


def read_run(folder: Path) -> dict[str, Any]:
    """Return the rows of the offline run, its identity, and whether a text has slipped in."""
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    records = list(read_records(path))
    rows = [
        {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        for record in records
        if record.WhichOneof("record_type") == "history"
    ]
    run = next(record.run for record in records if record.WhichOneof("record_type") == "run")
    identity = [run.run_id, run.project, run.display_name, list(run.tags)]
    return {"rows": rows, "identity": identity, "leaked": b"secret" in path.read_bytes()}


def measure(folder: Path) -> list[str]:
    """Add a selectivity as the measuring does that follows a training, and put its offline run aside."""
    notices: list[str] = []
    trackers = Trackers(folder, notices.append)
    trackers.open()
    trackers.add({"time": 1100.0, "step": 2, "selectivity": 0.25})
    trackers.close()
    for extra in sorted(folder.glob("wandb/offline-run-*"))[1:]:
        extra.rename(folder.parent / extra.name)
    return notices


def main(root: Path, mode: str) -> None:
    """Run both attempts, or only one if the server refuses, then measure and read what there is."""
    log = [make_line(1), make_line(2), {"time": 1005.0, "step": 2, "max_steps": 4, "eval_loss": 2.5}]
    died_at = {"offline": [make_line(3), make_line(4, loss=9.0)], "online": [make_line(3)]}
    notices = track(root / "first", [], log + died_at[mode]) if mode in died_at else []
    notices += track(root / "second", log, [make_line(3), make_line(4)])
    notices += measure(root / "second")
    run = {} if mode == "online" else read_run(root / "second")
    tracked = {"events": read_events(root / "second"), "run": run, "notices": notices}
    (root / "tracked.json").write_text(json.dumps(tracked))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
