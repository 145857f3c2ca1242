"""The model that a person means, by folder or by name, without a stack."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scriptorium.artifacts import manifest
from scriptorium.artifacts.volume import Volume
from scriptorium.cli.models.find_model import find_model
from scriptorium.contracts import Hyperparameters, Job, MergeResult, Phase
from scriptorium.errors import Conflict, InvalidRequest, ModelMissing
from scriptorium.recipe import Recipe
from scriptorium.settings import Settings

JOB = Job(
    id="ftjob-1", created_at=0, model="tiny", training_file="file-1", suffix="verne", recipe=Recipe(name="r"),
    hyperparameters=Hyperparameters(),
)  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(data_dir=tmp_path, device="cpu")
    write_base(settings.models / "tiny")
    return settings


def write_base(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


def write_adapter(folder: Path, base: str | None) -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({"r": 8, "base_model_name_or_path": base}))
    return folder


def write_checkpoint(training: Path, step: int, base: str, loss: float) -> Path:
    folder = write_adapter(training / "checkpoints" / f"checkpoint-{step}", base)
    manifest.write(folder, {"step": step, "created_at": 0, "train_loss": None, "dev_loss": loss})
    return folder


def test_a_base_by_name_or_folder(settings: Settings) -> None:
    for name in ("tiny", str(settings.models / "tiny")):
        source = find_model(name, settings)
        assert (source.name, source.folder, source.adapter, source.tuned) == (
            "tiny",
            settings.models / "tiny",
            None,
            False,
        )


@pytest.mark.parametrize("named", ["tiny", "PATH"])
def test_an_adapter_says_what_its_base_is(settings: Settings, tmp_path: Path, named: str) -> None:
    base = settings.models / "tiny"
    adapter = write_adapter(tmp_path / "voice", str(base) if named == "PATH" else named)
    source = find_model(str(adapter), settings)
    assert (source.name, source.folder, source.adapter, source.tuned) == ("voice", base, adapter, True)


def test_an_adapter_whose_base_is_elsewhere_needs_to_be_told(settings: Settings, tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "voice", "/gone/base")
    with pytest.raises(ModelMissing, match="/gone/base, is not on this machine") as caught:
        find_model(str(adapter), settings)
    assert caught.value.param == "--base"
    assert find_model(str(adapter), settings, "tiny").folder == settings.models / "tiny"
    with pytest.raises(ModelMissing, match="which it does not name"):
        find_model(str(write_adapter(tmp_path / "other", None)), settings)


def test_of_a_training_the_best_checkpoint(settings: Settings, tmp_path: Path) -> None:
    best = write_checkpoint(tmp_path / "training", 4, "tiny", 2.0)
    write_checkpoint(tmp_path / "training", 8, "tiny", 3.0)
    source = find_model(str(tmp_path / "training"), settings, as_adapter=True)
    assert (source.name, source.adapter) == ("training", best)


def test_a_finished_jobs_model_by_name_or_id(settings: Settings) -> None:
    volume = Volume(settings.data_dir)
    volume.save_job(JOB)
    with pytest.raises(Conflict, match="ftjob-1 has no merged model"):
        find_model("ftjob-1", settings)
    checkpoint = write_checkpoint(volume.folder(JOB.id, Phase.TRAIN), 4, "/gone", 2.0)
    result = MergeResult(step=4, dev_loss=None, merged_tensors=1, copied_tensors=1, bytes=1, seconds=1)
    attempt = volume.attempt(JOB.id, Phase.MERGE, 1)
    merged = volume.publish(JOB.id, Phase.MERGE, attempt, {"result": result.model_dump(mode="json")})
    for name in (JOB.id, JOB.tuned_name):
        source = find_model(name, settings)
        assert (source.name, source.folder, source.adapter, source.tuned) == (JOB.tuned_name, merged, None, True)
    scaled = find_model(JOB.tuned_name, settings, as_adapter=True)
    assert (scaled.folder, scaled.adapter) == (settings.models / "tiny", checkpoint)
    with pytest.raises(ModelMissing) as caught:
        find_model("ft:nobody", settings)
    assert caught.value.next_step == f"Name a folder, or one of: tiny, {JOB.tuned_name}."


def test_a_whole_model_has_no_strength(settings: Settings) -> None:
    for source in ("tiny", str(settings.models / "tiny")):
        with pytest.raises(InvalidRequest, match="only an adapter has a strength"):
            find_model(source, settings, as_adapter=True)


def test_a_folder_without_a_model_is_said_to_be_one(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelMissing, match="There is no model in"):
        find_model(str(tmp_path / "empty"), settings)
