"""The body of POST /v1/fine_tuning/jobs, validated with the context, which knows models, files and recipes."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from scriptorium.artifacts.file_store import FileStore
from scriptorium.contracts import Hyperparameters, Integration
from scriptorium.contracts.base import JsonNumber
from scriptorium.errors import InvalidValidationFile
from scriptorium.jobs.runner import Context
from scriptorium.models.base_models import MODEL_NAME, check_model
from scriptorium.planning.default_recipe import AUTO, choose_default_recipe
from scriptorium.recipe import Recipe, find_recipe
from scriptorium.recipe_overrides import apply_overrides
from services.api.errors import as_value_error

SUFFIX_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"  # of `check_suffix`


def check_suffix(text: str) -> str:
    """Return a suffix. Raises ValueError if it is blank or has control characters."""
    if not text.strip() or any(unicodedata.category(letter) == "Cc" for letter in text):
        raise ValueError("needs a visible character, and has no line ends, tabs or other control characters")
    return text


Suffix = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    AfterValidator(check_suffix),
    Field(json_schema_extra={"pattern": SUFFIX_PATTERN}),
]
MetadataKey = Annotated[str, StringConstraints(max_length=64)]
MetadataValue = Annotated[str, StringConstraints(max_length=512)]


def describe_recipe(schema: dict[str, Any]) -> None:
    """Describe what stands for a recipe in a request: a name, a whole recipe or nothing."""
    schema["anyOf"] = [{"type": "string"}, {"$ref": schema.pop("$ref")}, {"type": "null"}]


class RequestPart(BaseModel):
    """A part of the request; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SupervisedMethod(RequestPart):
    """The section for supervised fine-tuning."""

    hyperparameters: Hyperparameters = Hyperparameters()


class PreferenceHyperparameters(Hyperparameters):
    """The hyperparameters of direct preference optimisation; a smaller `beta` lets the model move farther away."""

    beta: Annotated[float, Field(gt=0, le=10), JsonNumber] | Literal["auto"] = "auto"


class PreferenceMethod(RequestPart):
    """The section for direct preference optimisation."""

    hyperparameters: PreferenceHyperparameters = PreferenceHyperparameters()


class Method(RequestPart):
    """The training method: supervised fine-tuning, or direct preference optimisation."""

    type: Literal["supervised", "dpo", "reinforcement"]
    supervised: SupervisedMethod | None = None
    dpo: PreferenceMethod | None = None
    reinforcement: Any = None

    @field_validator("type")
    @classmethod
    def check_type(cls, value: str) -> str:
        """Refuse the method that only the hosted API has."""
        if value == "reinforcement":
            raise ValueError("reinforcement is not supported, only supervised and dpo are")
        return value

    @model_validator(mode="after")
    def check_section(self) -> Method:
        """Refuse the section of another method: its hyperparameters would have no effect."""
        others = [name for name in ("supervised", "dpo") if name != self.type and getattr(self, name) is not None]
        if others:
            raise ValueError(f"has the type {self.type} and the section {others[0]}; give the section of its type")
        return self

    @property
    def section(self) -> SupervisedMethod | PreferenceMethod | None:
        """The section of the method's type, if there is one."""
        return self.dpo if self.type == "dpo" else self.supervised


class CreateJob(RequestPart):
    """The body of POST /v1/fine_tuning/jobs, validated with the process's context, which knows models and files."""

    model: str = Field(json_schema_extra={"pattern": f"^{MODEL_NAME.pattern}$"})
    training_file: str
    validation_file: str | None = None
    impostors: str | None = None
    method: Method | None = None
    hyperparameters: Hyperparameters | None = None
    suffix: Suffix | None = None
    seed: Annotated[int, JsonNumber] | None = Field(default=None, ge=0, le=2**31 - 1)
    metadata: dict[MetadataKey, MetadataValue] | None = Field(default=None, max_length=16)
    priority: Annotated[int, JsonNumber] = Field(default=0, ge=-10, le=10)
    integrations: list[Integration] | None = Field(default=None, max_length=1)
    recipe: Recipe = Field(default=None, validate_default=True, json_schema_extra=describe_recipe)  # never None after
    overrides: dict[str, Any] | None = None
    checkpoint: Annotated[int, JsonNumber] | None = Field(default=None, ge=1)
    strength: Annotated[float, JsonNumber] | None = Field(default=None, gt=0, le=2)

    @field_validator("model")
    @classmethod
    def check_base_model(cls, value: str, info: ValidationInfo[Context]) -> str:
        """Check that the base model is on the volume or can be downloaded."""
        with as_value_error():
            check_model(value, info.context.volume.models)
        return value

    @field_validator("training_file", "validation_file", "impostors")
    @classmethod
    def check_file(cls, value: str | None, info: ValidationInfo[Context]) -> str | None:
        """Check that manuscripts, and other authors' works if named, were uploaded, the manuscripts for fine-tuning."""
        if value is None:
            return None
        with as_value_error():
            file = FileStore(info.context.volume.files).get(value)
        if info.field_name != "impostors" and file.purpose != "fine-tune":
            raise ValueError(
                f"{value} has the purpose {file.purpose}; upload it with the purpose fine-tune to train on it"
            )
        return file.id

    @field_validator("validation_file")
    @classmethod
    def check_validation_file(cls, value: str | None, info: ValidationInfo[Context]) -> str | None:
        """Refuse the manuscript itself: a loss on text that is trained on says nothing."""
        with as_value_error():
            if value is not None and value == info.data.get("training_file"):
                raise InvalidValidationFile("The validation file is the training file.")
        return value

    @field_validator("recipe", mode="before")
    @classmethod
    def resolve_recipe(cls, value: Any, info: ValidationInfo[Context]) -> Any:
        """Replace a name by the recipe of that file in recipes/, and None by the default recipe."""
        settings = info.context.settings
        if value is not None and not isinstance(value, str):
            return value
        with as_value_error():
            return find_recipe(value or default_recipe(info.context), settings.recipes_dir)

    @field_validator("recipe")
    @classmethod
    def check_recipe(cls, value: Recipe) -> Recipe:
        """Refuse a recipe that the queue cannot run."""
        return check_runs_in_queue(value)

    @field_validator("overrides")
    @classmethod
    def check_overrides(cls, value: dict[str, Any] | None, info: ValidationInfo[Context]) -> dict[str, Any] | None:
        """Refuse overrides that do not fit the recipe, unless it is invalid itself."""
        if value and "recipe" in info.data:
            with as_value_error():
                check_runs_in_queue(apply_overrides(fit_to_method(info.data["recipe"], info.data.get("method")), value))
        return value

    @model_validator(mode="after")
    def check_hyperparameters(self) -> CreateJob:
        """Refuse hyperparameters both under `method` and at the top level, where the older API has them."""
        if self.hyperparameters and self.method and self.method.section:
            raise ValueError(f"give hyperparameters under method.{self.method.type} or at the top level, not both")
        return self

    @model_validator(mode="after")
    def check_method(self) -> CreateJob:
        """Refuse a recipe of another method than the one that is named."""
        trained = self.requested_recipe.training.method
        if self.method and self.method.type != trained:
            raise ValueError(f"method.type is {self.method.type}, but the recipe's training.method is {trained}")
        return self

    @property
    def requested_recipe(self) -> Recipe:
        """The recipe for the method, with the overrides."""
        recipe = fit_to_method(self.recipe, self.method)
        return apply_overrides(recipe, self.overrides) if self.overrides else recipe

    @property
    def requested_hyperparameters(self) -> Hyperparameters:
        """The hyperparameters from either place, or the defaults."""
        section = self.method.section if self.method else None
        named = section.hyperparameters if section else self.hyperparameters or Hyperparameters()
        return Hyperparameters(**named.model_dump(include=set(Hyperparameters.model_fields)))


def fit_to_method(recipe: Recipe, method: Method | None) -> Recipe:
    """Return the recipe for the method of a request: for preferences without what cannot be combined with them."""
    if method is None or method.type != "dpo":
        return recipe
    training = recipe.training.for_preferences()
    beta = method.dpo.hyperparameters.beta if method.dpo else "auto"
    if beta != "auto":
        training = training.model_copy(update={"beta": beta})
    return recipe.model_copy(update={"training": training})


def check_runs_in_queue(recipe: Recipe) -> Recipe:
    """Return the recipe. Raises ValueError if it needs what a job of the queue does not have."""
    if recipe.training.fsdp:
        raise ValueError("training.fsdp needs several GPUs, and a job has one; use `scriptorium train` instead")
    return recipe


def default_recipe(context: Context) -> str:
    """Return the recipe of a job that names none, by the memory of the GPUs that the store knows."""
    settings = context.settings
    if settings.default_recipe != AUTO or not settings.gpu:
        return choose_default_recipe(settings)
    return choose_default_recipe(settings, list(context.store.leases.device_memory().values()))
