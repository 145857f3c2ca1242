"""The result files that a finished merge offers for download."""

from pathlib import Path

from scriptorium.artifacts import manifest
from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Hyperparameters, Job, MergeResult, Phase
from scriptorium.recipe import Recipe
from services.merger.tasks import record_updates
from tests.unit.services.merger.merger_models import write_adapter, write_checkpoint


def test_adapter_merged_model_and_exports_are_result_files_one_by_one(tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    (tmp_path / "quality.html").touch()
    (before,) = FileStore(volume.files).add_results({"ftjob-1-quality.html": tmp_path / "quality.html"})
    job = Job(
        id="ftjob-1", created_at=0, model="m", training_file="f", recipe=Recipe(name="r"),
        hyperparameters=Hyperparameters(), result_files=[before, "file-replaced"],
    )  # fmt: skip
    (write_checkpoint(volume.folder(job.id, Phase.TRAIN)) / "optimizer.pt").touch()
    folder = volume.attempt(job.id, Phase.MERGE, 1)
    for name in ("model.safetensors", "config.json", "exports/model-q8_0.gguf"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    volume.publish(job.id, Phase.MERGE, folder, {})
    result = MergeResult(
        step=6,
        dev_loss=3.0,
        merged_tensors=1,
        copied_tensors=1,
        bytes=1,
        seconds=1,
        exports=["exports/model-q8_0.gguf"],
    )
    offered = record_updates(job, result, volume)["result_files"]
    assert record_updates(job, result, volume)["result_files"] == offered  # an attempt may have died after offering
    assert isinstance(offered, list)
    assert offered[0] == before
    assert "file-replaced" not in offered
    files = {file.filename: file for file in map(FileStore(volume.files).get, offered[1:])}
    names = ("adapter_config.json", "adapter_model.safetensors", "tokenizer.json", "tokenizer_config.json",
             "chat_template.jinja")  # fmt: skip
    assert files.keys() == {
        *(f"ftjob-1-adapter-{name}" for name in names), "ftjob-1-merged-model.safetensors",
        "ftjob-1-merged-config.json", "ftjob-1-model-q8_0.gguf",
    }  # fmt: skip
    for name, source in (("merged-config.json", "config.json"), ("model-q8_0.gguf", "exports/model-q8_0.gguf")):
        path = volume.folder(job.id, Phase.MERGE) / source
        stored = FileStore(volume.files).content(files[f"ftjob-1-{name}"].id)
        assert stored.samefile(path)
        assert files[f"ftjob-1-{name}"].sha256 == manifest.hash_file(path)


def test_the_adapter_that_is_offered_is_the_scaled_one(tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    job = Job(
        id="ftjob-1", created_at=0, model="m", training_file="f", recipe=Recipe(name="r"),
        hyperparameters=Hyperparameters(),
    )  # fmt: skip
    write_checkpoint(volume.folder(job.id, Phase.TRAIN))
    folder = volume.attempt(job.id, Phase.MERGE, 1)
    write_adapter(folder / "adapter", lora_alpha=1)
    volume.publish(job.id, Phase.MERGE, folder, {})
    result = MergeResult(step=6, strength=0.5, dev_loss=3.0, merged_tensors=1, copied_tensors=1, bytes=1, seconds=1)
    store = FileStore(volume.files)
    files = {
        store.get(file).filename: store.content(file) for file in record_updates(job, result, volume)["result_files"]
    }
    config = volume.folder(job.id, Phase.MERGE) / "adapter" / "adapter_config.json"
    assert files["ftjob-1-adapter-adapter_config.json"].samefile(config)
