from io import BytesIO
from pathlib import Path

from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import (
    Endpoint,
    Hyperparameters,
    Integration,
    Job,
    Phase,
    TrainResult,
    WandbIntegration,
    WandbRequest,
)
from scriptorium.jobs.requests import (
    RequestContext,
    apply_hyperparameters,
    brief_writer,
    impostors,
    merge,
    prepare,
    wandb,
)
from scriptorium.recipe import Data, Recipe, Training
from scriptorium.settings import Settings

AUTO = Hyperparameters()


def test_auto_leaves_the_recipe_as_it_is() -> None:
    training = Training(max_steps=45)
    assert apply_hyperparameters(training, Hyperparameters()) == training


def test_the_base_model_writes_briefs_through_the_api_unless_others_are_named() -> None:
    settings = Settings(api_port=9000, brief_url="", brief_model="")
    with_model = Data(briefs="model")
    assert brief_writer(Data(), "base", settings) is None
    assert brief_writer(with_model, "base", settings) == Endpoint(url="http://127.0.0.1:9000", model="base")
    other_settings = Settings(brief_url="http://elsewhere/v1/", brief_model="scribe")
    assert brief_writer(with_model, "base", other_settings) == Endpoint(url="http://elsewhere", model="scribe")


def test_our_key_is_sent_to_our_own_api_alone_and_is_written_nowhere() -> None:
    with_model = Data(briefs="model")
    for addresses, key in (
        ({}, "sk-scr-own"),
        ({"api_url": "http://api:8421"}, "sk-scr-own"),
        ({"brief_url": "http://elsewhere"}, ""),
        ({"brief_url": "http://elsewhere", "brief_key": "theirs"}, "theirs"),
    ):
        endpoint = brief_writer(with_model, "base", Settings(api_key="sk-scr-own", **addresses))  # type: ignore[arg-type]
        assert endpoint
        assert endpoint.key.get_secret_value() == key
        assert not key or key not in f"{endpoint!r} {endpoint.model_dump_json()}"
    assert "sk-scr-own" not in repr(Settings(api_key="sk-scr-own", brief_key="sk-scr-own"))


def test_the_three_hyperparameters_of_the_api() -> None:
    hyperparameters = Hyperparameters(n_epochs=2, batch_size=4, learning_rate_multiplier=0.5)
    training = apply_hyperparameters(Training(max_steps=45, micro_batch_size=2, learning_rate=1e-3), hyperparameters)
    assert (training.num_epochs, training.max_steps) == (2, None)
    assert (training.micro_batch_size, training.gradient_accumulation_steps) == (2, 2)
    assert training.learning_rate == 5e-4


def test_a_merge_request_has_the_hashes_of_the_trained_base(tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    (volume.models / "tiny").mkdir(parents=True)
    (volume.models / "tiny" / "config.json").touch()
    job = Job(
        id="ftjob-1",
        created_at=0,
        model="tiny",
        training_file="file-1",
        recipe=Recipe(name="r", select="voice"),
        hyperparameters=Hyperparameters(),
    )
    trained = TrainResult(
        checkpoints=[], first_loss=None, last_loss=None, steps=1, trained_tokens=1, seconds=1, base_hashes={"m": "ab"}
    )
    volume.publish(job.id, Phase.TRAIN, volume.attempt(job.id, Phase.TRAIN, 1), {"result": trained.model_dump()})
    request = merge(job, RequestContext(Settings(data_dir=tmp_path), volume))
    assert (request.base_hashes, request.select) == ({"m": "ab"}, "voice")


def test_the_recipes_system_message_reaches_the_preparation(tmp_path: Path) -> None:
    volume, data = Volume(tmp_path), Data(system=" You are the author. ")
    (volume.models / "tiny").mkdir(parents=True)
    (volume.models / "tiny" / "config.json").touch()
    file = FileStore(volume.files).add(BytesIO(b"Once."), "book.txt", "fine-tune")
    job = Job(
        id="ftjob-1", created_at=0, model="tiny", training_file=file.id, recipe=Recipe(name="r", data=data),
        hyperparameters=AUTO,
    )  # fmt: skip
    settings = Settings(data_dir=tmp_path, impostors_dir=None)
    assert prepare(job, RequestContext(settings, volume)).system == "You are the author."


def test_impostors_come_with_the_job_or_from_the_volume(tmp_path) -> None:
    volume, settings = Volume(tmp_path), Settings(data_dir=tmp_path, impostors_dir=None)
    job = Job(id="ftjob-1", created_at=0, model="m", training_file="f", recipe=Recipe(name="r"), hyperparameters=AUTO)
    assert impostors(job, RequestContext(settings, volume)) == {}
    (tmp_path / "impostors").mkdir()
    assert impostors(job, RequestContext(settings, volume))["impostors"] == tmp_path / "impostors"
    file = FileStore(volume.files).add(BytesIO(b"PK"), "others.zip", "fine-tune")
    uploaded = impostors(job.model_copy(update={"impostors": file.id}), RequestContext(settings, volume))
    assert uploaded == {"impostors": volume.files / file.id / "content", "impostors_name": "others.zip"}


def test_a_wandb_run_has_the_jobs_id_so_that_an_attempt_goes_on_with_it() -> None:
    job = Job(id="ftjob-1", created_at=0, model="m", training_file="f", recipe=Recipe(name="r"), hyperparameters=AUTO)
    assert wandb(job) is None
    integration = Integration(type="wandb", wandb=WandbIntegration(project="novel", tags=["draft"]))
    run = wandb(job.model_copy(update={"integrations": [integration]}))
    assert run == WandbRequest(id="ftjob-1", project="novel", name="ftjob-1", tags=["draft", "scriptorium", "ftjob-1"])
