"""From a request's body to a job, without a store."""

import io
from pathlib import Path
from typing import Any

import pytest

from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.volume import Volume
from scriptorium.errors import FileMissing, InvalidRecipe, InvalidRequest
from scriptorium.jobs.pipeline import Pipeline
from scriptorium.jobs.runner import Context
from scriptorium.settings import Settings
from scriptorium.store import open_store
from services.api.fine_tuning.create_job import fingerprint, read_job, same_request


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """A volume with a base model, and a store that nobody asks."""
    settings = Settings(data_dir=tmp_path, default_recipe="cpu")
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    (tmp_path / "models" / "tiny" / "config.json").write_text("{}")
    volume, store = Volume(tmp_path), open_store("unix:///nonexistent")
    return Context(settings, store, volume, Pipeline(store, volume))


@pytest.fixture
def body(context: Context, tmp_path: Path) -> dict[str, Any]:
    """The least that a request may say."""
    book = tmp_path / "book.txt"
    book.write_text("Once upon a time.")
    return {"model": "tiny", "training_file": FileStore(context.volume.files).add_path(book, "b.txt", "fine-tune").id}


def test_the_least_request_is_filled_with_defaults(context: Context, body: dict[str, Any]) -> None:
    job = read_job(body, context)
    assert (job.recipe.name, job.seed, job.metadata, job.suffix) == ("cpu", 42, {}, None)
    assert job.hyperparameters.n_epochs == "auto"


@pytest.mark.parametrize("strength", [0.01, 1, 2])
def test_a_job_may_name_its_strength(context: Context, body: dict[str, Any], strength: float) -> None:
    job = read_job({**body, "strength": strength}, context)
    assert job.strength == strength
    assert not same_request(job, read_job(body, context))


@pytest.mark.parametrize("strength", [0, -1, 2.1, "much"])
def test_a_strength_beyond_its_range(context: Context, body: dict[str, Any], strength: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_job({**body, "strength": strength}, context)
    assert caught.value.param == "strength"


def test_nulls_mean_nothing(context: Context, body: dict[str, Any]) -> None:
    names = ("validation_file", "method", "hyperparameters", "suffix", "seed", "metadata", "integrations", "recipe")
    assert same_request(read_job({**body, **dict.fromkeys(names)}, context), read_job(body, context))


def test_hyperparameters_are_given_in_one_place(context: Context, body: dict[str, Any]) -> None:
    knobs = {"hyperparameters": {"n_epochs": 3}}
    under = {"method": {"type": "supervised", "supervised": knobs}}
    assert same_request(read_job({**body, **knobs}, context), read_job({**body, **under}, context))
    with pytest.raises(InvalidRequest, match="not both"):
        read_job({**body, **knobs, **under}, context)


def test_a_wandb_run_is_requested_in_the_shape_of_the_hosted_api(context: Context, body: dict[str, Any]) -> None:
    wandb = {"project": "my novel", "name": "Emma, third try", "entity": "jane", "tags": ["draft"]}
    job = read_job({**body, "integrations": [{"type": "wandb", "wandb": wandb}]}, context)
    assert [integration.wandb.model_dump() for integration in job.integrations] == [wandb]
    assert not same_request(job, read_job(body, context))
    least = read_job({**body, "integrations": [{"type": "wandb", "wandb": {"project": "novel"}}]}, context)
    assert least.integrations[0].wandb.tags == []


def test_every_problem_of_an_integration_has_its_place(context: Context, body: dict[str, Any]) -> None:
    wandb = {"project": "a/b", "tags": [""], "api_key": "secret"}
    with pytest.raises(InvalidRequest) as caught:
        read_job({**body, "integrations": [{"type": "mlflow", "wandb": wandb}]}, context)
    assert [problem.place for problem in caught.value.problems] == [
        "integrations.0.type", "integrations.0.wandb.project", "integrations.0.wandb.tags.0",
        "integrations.0.wandb.api_key",
    ]  # fmt: skip
    assert "secret" not in str(caught.value)
    two = [{"type": "wandb", "wandb": {"project": "novel"}}] * 2
    with pytest.raises(InvalidRequest, match="integrations"):
        read_job({**body, "integrations": two}, context)


def test_a_default_recipe_that_is_missing_is_a_problem_like_any_other(context: Context, body: dict[str, Any]) -> None:
    broken_context = Context(
        context.settings.model_copy(update={"default_recipe": "lost"}), context.store, context.volume, context.pipeline
    )
    with pytest.raises(InvalidRequest) as caught:
        read_job({**body, "suffix": "no\ttabs"}, broken_context)
    assert [problem.place for problem in caught.value.problems] == ["suffix", "recipe"]


def hash_body(body: dict[str, Any], context: Context, key: str | None = None) -> str:
    """Return the fingerprint of a request."""
    return fingerprint(read_job(body, context), body, key)


@pytest.mark.parametrize(
    "change",
    [
        {"suffix": None},
        {"seed": 42},
        {"metadata": {}},
        {"priority": 0},
        {"integrations": []},
        {"method": {"type": "supervised"}},
        {"hyperparameters": {"n_epochs": "auto"}},
        dict.fromkeys(("validation_file", "method", "hyperparameters", "seed", "metadata", "recipe", "overrides")),
    ],
)
def test_null_the_default_and_nothing_are_one_request(
    context: Context, body: dict[str, Any], change: dict[str, Any]
) -> None:
    assert hash_body(dict(reversed((body | change).items())), context) == hash_body(body, context)


@pytest.mark.parametrize(
    "change",
    [
        {"suffix": "poe"},
        {"seed": 1},
        {"metadata": {"a": "b"}},
        {"hyperparameters": {"n_epochs": 2}},
        {"recipe": "lora"},
        {"overrides": {"training": {"num_epochs": 5}}},
    ],
)
def test_another_value_is_another_request(context: Context, body: dict[str, Any], change: dict[str, Any]) -> None:
    assert hash_body(body | change, context) != hash_body(body, context)


def test_the_place_of_hyperparameters_does_not_matter(context: Context, body: dict[str, Any]) -> None:
    knobs = {"hyperparameters": {"n_epochs": 3, "learning_rate_multiplier": 1}}
    under = {"method": {"type": "supervised", "supervised": knobs}}
    assert hash_body(body | knobs, context) == hash_body(body | under, context)


def test_a_key_takes_the_place_of_the_body(context: Context, body: dict[str, Any]) -> None:
    other = body | {"suffix": "poe"}
    assert hash_body(body, context, "k") == hash_body(other, context, "k") != hash_body(body, context, "l")


def test_half_a_character_is_no_failure(context: Context, body: dict[str, Any]) -> None:
    job = read_job(body, context)
    assert fingerprint(job, {"recipe": "\ud800"}, None)


def test_impostors_must_have_been_uploaded(context: Context, body: dict[str, Any]) -> None:
    job = read_job({**body, "impostors": body["training_file"]}, context)
    assert job.impostors == body["training_file"]
    assert not same_request(job, read_job(body, context))
    with pytest.raises(FileMissing) as caught:
        read_job({**body, "impostors": "../../etc/passwd"}, context)
    assert caught.value.param == "impostors"


def test_overrides_change_the_named_recipe_for_this_job(context: Context, body: dict[str, Any]) -> None:
    job = read_job({**body, "recipe": "lora", "overrides": {"training": {"num_epochs": 5}}}, context)
    assert (job.recipe.name, job.recipe.training.num_epochs, job.recipe.training.lora_r) == ("lora", 5, 64)
    assert not same_request(job, read_job({**body, "recipe": "lora"}, context))
    whole = {"name": "mine", "training": {"adapter": "lora"}}
    job = read_job({**body, "recipe": whole, "overrides": {"training": {"lora_r": 8}}}, context)
    assert (job.recipe.name, job.recipe.training.lora_r) == ("mine", 8)


def test_overrides_are_refused_at_their_place(context: Context, body: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecipe) as caught:
        read_job({**body, "overrides": {"training": {"num_epochs": 0}, "name": "x"}}, context)
    assert caught.value.param == "overrides"
    assert [problem.place for problem in caught.value.problems] == ["overrides.name"]
    with pytest.raises(InvalidRecipe, match=r"overrides\.training\.num_epochs: "):
        read_job({**body, "overrides": {"training": {"num_epochs": 0}}}, context)
    with pytest.raises(InvalidRecipe) as caught:  # of a recipe that does not exist nothing can be overridden
        read_job({**body, "recipe": "lost", "overrides": {"training": {"num_epochs": 0}}}, context)
    assert caught.value.param == "recipe"


def dpo(**hyperparameters: Any) -> dict[str, Any]:
    return {"method": {"type": "dpo", "dpo": {"hyperparameters": hyperparameters}}}


def test_preferences_leave_out_what_cannot_be_combined_with_them(context: Context, body: dict[str, Any]) -> None:
    recipe = {
        "name": "mine",
        "training": {"adapter": "lora", "sample_packing": True, "kl_weight": 0.1, "use_eaft": True, "lora_r": 8},
    }
    training = read_job({**body, "recipe": recipe, **dpo(beta=0.3)}, context).recipe.training
    assert (training.method, training.beta, training.lora_r, training.learning_rate) == ("dpo", 0.3, 8, 2e-5)
    assert not any([training.sample_packing, training.kl_weight, training.use_eaft, training.keep])
    assert read_job({**body, "recipe": recipe, **dpo()}, context).recipe.training.beta == 0.1
    overrides = {"training": {"learning_rate": 1e-4, "beta": 0.5}}
    training = read_job({**body, "recipe": recipe, "overrides": overrides, **dpo()}, context).recipe.training
    assert (training.learning_rate, training.beta) == (1e-4, 0.5)
    with pytest.raises(InvalidRecipe, match="method dpo and sample_packing"):
        read_job({**body, "recipe": recipe, "overrides": {"training": {"sample_packing": True}}, **dpo()}, context)


def test_a_recipe_may_name_the_method_itself(context: Context, body: dict[str, Any]) -> None:
    recipe = {"name": "mine", "training": {"method": "dpo", "learning_rate": 1e-4, "adapter": "lora"}}
    job = read_job({**body, "recipe": recipe}, context)
    assert (job.recipe.training.method, job.recipe.training.learning_rate) == ("dpo", 1e-4)
    assert same_request(job, read_job({**body, "recipe": recipe, "method": {"type": "dpo"}}, context))
    with pytest.raises(InvalidRequest, match=r"method.type is supervised, but the recipe's training.method is dpo"):
        read_job({**body, "recipe": recipe, "method": {"type": "supervised"}}, context)


def test_another_method_or_beta_is_another_request(context: Context, body: dict[str, Any]) -> None:
    prints = set()
    for more in ({}, {"method": {"type": "supervised"}}, dpo(), dpo(beta="auto"), dpo(beta=0.3)):
        request = {**body, **more}
        prints.add(fingerprint(read_job(request, context), request, None))
    assert len(prints) == 3


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ({"type": "reinforcement"}, "only supervised and dpo are"),
        ({"type": "supervised", "dpo": {}}, "the section dpo"),
        ({"type": "dpo", "supervised": {}}, "the section supervised"),
        ({"type": "dpo", "dpo": {"hyperparameters": {"beta": 0}}}, "method.dpo.hyperparameters.beta"),
        ({"type": "supervised", "supervised": {"hyperparameters": {"beta": 0.1}}}, "beta"),
    ],
)
def test_a_method_that_does_not_fit_is_refused(
    context: Context, body: dict[str, Any], method: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_job({**body, "method": method}, context)
    assert message in str(caught.value) + (caught.value.param or "")
    assert (caught.value.param or "").startswith("method")


@pytest.mark.parametrize("training", [{"fsdp": True, "sample_packing": False}])
def test_what_a_job_of_the_queue_cannot_have_is_refused(
    context: Context, body: dict[str, Any], training: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest, match="scriptorium train"):
        read_job({**body, "recipe": "lora", "overrides": {"training": training}}, context)
    with pytest.raises(InvalidRequest, match="scriptorium train"):
        read_job({**body, "recipe": {"name": "mine", "training": training}}, context)


def test_a_job_without_a_recipe_gets_what_the_machine_can_train(context: Context, body: dict[str, Any]) -> None:
    settings = context.settings.model_copy(update={"default_recipe": "auto", "device": "cpu"})
    machine = Context(settings, context.store, context.volume, context.pipeline)
    assert read_job(body, machine).recipe.name == "cpu"


@pytest.mark.parametrize(
    "change", [{"seed": "7"}, {"seed": True}, {"strength": "1"}, {"hyperparameters": {"n_epochs": "3"}}]
)
def test_a_text_or_a_boolean_is_no_number(context: Context, change: dict[str, Any]) -> None:
    file = FileStore(context.volume.files).add(io.BytesIO(b"Once upon a time."), "book.txt", "fine-tune")
    body = {"model": "tiny", "training_file": file.id}
    with pytest.raises(InvalidRequest, match="must be a number") as caught:
        read_job(body | change, context)
    assert caught.value.param in ("seed", "strength", "hyperparameters.n_epochs")
    assert read_job(body | {"hyperparameters": {"n_epochs": 3.0}}, context).hyperparameters.n_epochs == 3
