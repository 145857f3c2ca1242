"""Recipes: how a manuscript is cut and a model is trained. One YAML file each in recipes/, validated as a whole.

The keys under `training` are Axolotl's own names, so that its documentation explains them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from scriptorium.errors import InvalidRecipe, list_problems
from scriptorium.patterns import explain_unknown_keys, matching, suggest
from scriptorium.text.languages.language import list_codes
from scriptorium.yaml_text import BrokenYaml, parse_yaml

PromptKind = Literal["brief", "context", "continue", "rewrite"]
Prompt = Literal["brief", "context", "continue", "rewrite", "mixed"]
Export = Literal["gguf-f16", "gguf-q8_0", "gguf-q4_k_m"]
Select = Literal["balance", "loss", "voice", "decision"]
Drafts = Literal["base", "outline"]
Method = Literal["supervised", "dpo"]
Auto = Literal["auto"]
AUTO: Auto = "auto"
Mix = dict[PromptKind, Annotated[float, Field(ge=0, allow_inf_nan=False)]]


AUTO_LEARNING_RATE = 2e-4  # the seed workflow's, for LoRA on all projections
PREFERENCE_RATE = 0.1  # of a learning rate for text
CONFLICTS: tuple[tuple[dict[str, object], str], ...] = (
    (
        {"fsdp": True, "sample_packing": True},
        "fsdp and sample_packing cannot be combined: packed rows that are left over when they are dealt to the GPUs "
        "would not be trained",
    ),
    ({"method": "dpo", "sample_packing": True}, "method dpo and sample_packing cannot be combined"),
    ({"fsdp": True, "optimizer": "adamw_8bit"}, "fsdp and adamw_8bit cannot be combined: choose adamw_torch_fused"),
    ({"fsdp": True, "method": "dpo", "adapter": "qlora"}, "fsdp with method dpo needs adapter lora"),
    ({"cut_cross_entropy": True, "precision": "fp32"}, "cut_cross_entropy needs precision bf16"),
    ({"use_eaft": True, "cut_cross_entropy": True}, "use_eaft needs the logits, which cut_cross_entropy never makes"),
    ({"use_eaft": True, "fsdp": True}, "use_eaft and fsdp cannot be combined"),
    ({"use_eaft": True, "method": "dpo"}, "use_eaft and method dpo cannot be combined: a preference has its own loss"),
)


class Section(BaseModel):
    """A section of a recipe; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Chunking(Section):
    """How long a passage may be, in words or in tokens of the base model's tokenizer."""

    unit: Literal["tokens", "words"] = "tokens"
    minimum: int = Field(default=700, ge=20)
    maximum: int = Field(default=2000, ge=40)

    @model_validator(mode="after")
    def check_range(self) -> Self:
        """Refuse a maximum below the minimum: short neighbours are merged only if the result fits."""
        if self.maximum < self.minimum:
            raise ValueError(f"maximum ({self.maximum}) must not be below minimum ({self.minimum})")
        return self


class Split(Section):
    """The shares of the text that are held out, in whole chapters; or in whole books, if there are several."""

    by: Literal["chapter", "book"] = "chapter"
    dev: float = Field(default=0.1, gt=0, lt=0.5)
    test: float = Field(default=0.2, gt=0, lt=0.5)


RemovalStep = Literal[
    "encoding",
    "licence",
    "front_matter",
    "contents",
    "back_matter",
    "headings",
    "scene_breaks",
    "page_numbers",
    "running_heads",
    "notes",
    "emphasis",
    "capitals",
    "wrapped_lines",
]  # the steps of cleaning that can be skipped


class Data(Section):
    """How a manuscript becomes examples; `mix` weights the kinds of prompt if `prompt` is "mixed".

    `language` is the code of the book's language; "auto" detects it.
    `briefs` says where they come from: they are extracted, or written by the model that the settings name. `drafts`
    says what a prompt of the kind "rewrite" holds: the passage as the base retells it before training, or an outline.
    `rename` is the share of the training rows in which the book's names are replaced, in each by others. `system` is a
    system message before every prompt for a passage; what is replayed has none. The steps of cleaning in
    `skip_cleaning` are not made: what they would leave out or change trains as it is.
    """

    language: str = AUTO
    prompt: Prompt = "mixed"
    mix: Mix = {"brief": 0.6, "context": 0.15, "continue": 0.1, "rewrite": 0.15}
    briefs: Literal["extracted", "model"] = "extracted"
    rename: float = Field(default=0.0, ge=0, le=1)
    drafts: Drafts = "base"
    system: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)] = ""
    skip_cleaning: tuple[RemovalStep, ...] = ()
    chunking: Chunking = Chunking()
    split: Split = Split()

    @field_validator("language")
    @classmethod
    def check_language(cls, code: str) -> str:
        """Refuse a language that has no file of words: nothing here would know it."""
        if code not in (AUTO, *list_codes()):
            raise ValueError(f"must be auto or one of {', '.join(list_codes())}")
        return code

    @model_validator(mode="after")
    def check_weights(self) -> Self:
        """Refuse weights whose sum is 0: a weight counts as a share of the sum."""
        if not sum(self.mix.values()):
            raise ValueError("mix must give at least one kind of prompt a weight above 0")
        return self


class Training(Section):
    """Options for Axolotl. Learning rate per update, lengths in tokens.

    "auto" is replaced before training by what fits the book, the base model and the device: see `ResolvedTraining`.
    `liger` computes norms, rotary embeddings and the loss with Liger's kernels; `cut_cross_entropy` takes the loss of
    the library of that name instead. `fsdp` shards the model over all GPUs. Without a GPU none of the three is used.
    `method` says what a row is: a chat whose answer is learned, or a preference between two answers, by which `dpo`
    moves the model away from its base as far as `beta` allows (smaller is farther).
    `kl_weight` adds so many times KL(base || tuned) to the loss of each trained token; 0: the loss alone.
    At each checkpoint the model answers `samples` held-out briefs with at most `sample_tokens` tokens, for a person to
    read; 0 samples: none.
    `use_eaft` weighs each trained token by the entropy of the model's guess there (entropy-adaptive fine-tuning).
    `keep` is the share of the trained tokens that are the base's own answers to plain requests, so that instructions
    are kept while a voice is learned; 0 switches that off.
    `recovery` is the share of the replayed rows that come at the end of the training, after everything else.
    """

    method: Method = "supervised"
    beta: float = Field(default=0.1, gt=0, le=10)
    adapter: Literal["qlora", "lora"] = "qlora"
    lora_r: int = Field(default=64, ge=1, le=512)
    lora_alpha: int = Field(default=32, ge=1)
    lora_dropout: float = Field(default=0.05, ge=0, lt=1)
    num_epochs: Annotated[int, Field(ge=1, le=50)] | Auto = 3
    max_steps: int | None = Field(default=None, ge=1)
    micro_batch_size: Annotated[int, Field(ge=1)] | Auto = 1
    gradient_accumulation_steps: Annotated[int, Field(ge=1)] | Auto = 8
    learning_rate: Annotated[float, Field(gt=0, lt=1)] | Auto = 2e-4
    lr_scheduler: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_ratio: float = Field(default=0.03, ge=0, lt=1)
    optimizer: Literal["adamw_torch_fused", "adamw_torch", "adamw_8bit"] = "adamw_torch_fused"
    weight_decay: float = Field(default=0.0, ge=0)
    kl_weight: float = Field(default=0.0, ge=0, le=10)
    sequence_len: int = Field(default=4096, ge=128)
    sample_packing: bool = False
    gradient_checkpointing: bool = True
    precision: Literal["bf16", "fp32"] = "bf16"
    liger: bool = False
    cut_cross_entropy: bool = False
    fsdp: bool = False
    checkpoints: int = Field(default=4, ge=1, le=50)
    dev_rows: int = Field(default=64, ge=1)
    samples: int = Field(default=3, ge=0, le=16)
    sample_tokens: int = Field(default=120, ge=8, le=1024)
    early_stopping_patience: int | None = Field(default=None, ge=1)
    use_eaft: bool = False
    keep: float = Field(default=0.05, ge=0, le=0.5)
    recovery: float = Field(default=0.0, ge=0, le=1)

    @property
    def nominal_rate(self) -> float:
        """The learning rate; what "auto" stands for before a plan knows the base."""
        if self.learning_rate != "auto":
            return self.learning_rate
        return AUTO_LEARNING_RATE * self.auto_rate_factor

    @property
    def auto_rate_factor(self) -> float:
        """What the learning rate "auto" is multiplied by."""
        return PREFERENCE_RATE if self.method == "dpo" else 1.0

    @property
    def needs_logits(self) -> bool:
        """Whether the loss is made of whole logits, so that no library may fuse it."""
        return any(
            [
                self.kl_weight > 0,
                self.method == "dpo",
                self.use_eaft,
            ]
        )

    @model_validator(mode="after")
    def check_recovery(self) -> Self:
        """Refuse rows that come last where the trainer does not decide their order, or where there are none."""
        refused = [name for name in ("fsdp", "sample_packing") if getattr(self, name)]
        refused += ["method dpo"] * (self.method == "dpo") + ["keep 0"] * (not self.keep)
        if self.recovery and refused:
            raise ValueError(f"recovery cannot be combined with {', '.join(refused)}")
        return self

    @model_validator(mode="after")
    def check_combination(self) -> Self:
        """Refuse options that Axolotl refuses together, or that would lose text without a word."""
        problems = [
            message
            for options, message in CONFLICTS
            if all(getattr(self, name) == value for name, value in options.items())
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @model_validator(mode="after")
    def check_anchor(self) -> Self:
        """Refuse an anchor where the base cannot be asked in the same process, or has no logits to compare."""
        refused = [name for name in ("fsdp", "cut_cross_entropy") if getattr(self, name)]
        refused += ["method dpo, which has its base in its own loss"] * (self.method == "dpo")
        if self.kl_weight and refused:
            raise ValueError(f"kl_weight cannot be combined with {', '.join(refused)}")
        return self

    def for_preferences(self) -> Training:
        """Return options that learn from preferences, without those that cannot be combined with them.

        The learning rate is a tenth: the loss of preferences falls with much smaller steps than that of text.
        """
        if self.method == "dpo":
            return self
        rate = self.learning_rate
        changes = {
            "method": "dpo", "sample_packing": False, "use_eaft": False, "kl_weight": 0.0, "recovery": 0.0, "keep": 0.0,
            "learning_rate": rate if rate == "auto" else float(f"{PREFERENCE_RATE * rate:.3g}"),
        }  # fmt: skip
        return type(self).model_validate(self.model_dump(exclude_unset=True) | changes)


class ResolvedTraining(Training):
    """Training options without "auto", as the planner returns them."""

    num_epochs: Annotated[int, Field(ge=1, le=50)] = 3
    micro_batch_size: Annotated[int, Field(ge=1)] = 1
    gradient_accumulation_steps: Annotated[int, Field(ge=1)] = 8
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 2e-4


class Calibration(Section):
    """The trials after training: the strengths of the adapter that are tried, on so many dev briefs and instructions.

    No strength: nothing is tried, and the whole adapter is merged. The best checkpoint is tried at every strength, the
    others at 1.
    """

    strengths: list[Annotated[float, Field(gt=0, le=2)]] = [0.5, 0.75, 1.0, 1.25]
    briefs: int = Field(default=24, ge=4, le=96)
    instructions: int = Field(default=96, ge=0, le=384)

    def limited_to(self, strength: float | None) -> Calibration:
        """Return the trials without the other strengths if one is named; its own temperature is still to be found."""
        return self.model_copy(update={"strengths": [strength]}) if strength and self.strengths else self


TOLERATED_SHARE = 0.02  # of the passages: a model learns no bad habit from fewer


class Decisions(Section):
    """Who settles a debatable question: a person is asked, or the recommended answer is taken.

    If it is recommended to go on, findings that touch at most `tolerated_share` of the passages need no answer.
    """

    data_quality: Literal["ask", "auto"] = "ask"
    checkpoint: Literal["ask", "auto"] = "auto"  # nothing is lost: the other checkpoints stay, and can be merged later
    out_of_memory: Literal["ask", "auto"] = "auto"  # what is recommended first gives the same result, but slower
    disk_full: Literal["ask", "auto"] = "ask"  # only a person can free space
    verdict: Literal["ask", "auto"] = "auto"  # an unattended job ends: at most one other trial is measured
    tolerated_share: float = Field(default=TOLERATED_SHARE, ge=0, le=1)


class Evaluation(Section):
    """What an evaluation cannot know by itself: other authors (`alike`, by name) of the same period and genre."""

    alike: list[str] = []


class Recipe(Section):
    """A complete recipe; `export` names additional formats for the merged model.

    `select` says which checkpoint is merged: the one with the lowest dev loss, the one with the highest selectivity
    (the gain of the author's held-out passages over those of others), or the one that a person chooses. "balance" takes
    checkpoint and strength with the most voice that keep the base's instructions. A `strength` is merged whatever the
    trials say: they then choose the checkpoint and the temperature.
    """

    name: Annotated[
        str, matching("[a-z0-9][a-z0-9_-]{0,39}", "1 to 40 small letters, digits, `_` or `-`, a letter or digit first")
    ]
    description: str = ""
    data: Data = Data()
    training: Training = Training()
    export: list[Export] = []
    select: Select = "balance"
    strength: float | None = Field(default=None, gt=0, le=2)
    decisions: Decisions = Decisions()
    calibration: Calibration = Calibration()
    evaluation: Evaluation = Evaluation()

    @model_validator(mode="before")
    @classmethod
    def ask_about_checkpoint(cls, body: Any) -> Any:
        """Ask about the checkpoint by default if `select` leaves it to a decision."""
        if not isinstance(body, dict) or body.get("select") != "decision":
            return body
        decisions = body.get("decisions", {})
        if not isinstance(decisions, dict):
            return body
        return {**body, "decisions": {"checkpoint": "ask", **decisions}}


def parse_recipe(body: Any, source: str) -> Recipe:
    """Validate a recipe; raises InvalidRecipe with every problem at once."""
    try:
        return Recipe.model_validate(body)
    except ValidationError as error:
        problems = list_problems(explain_unknown_keys(error.errors(), Recipe), source)
        raise InvalidRecipe(f"The recipe {source} has {len(problems)} problem(s).", problems=problems) from None


def load_recipe(path: Path) -> Recipe:
    """Read a recipe file; raises InvalidRecipe if it is missing, not YAML or invalid."""
    try:
        body = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidRecipe(f"There is no recipe {path.name}.", param="recipe") from None
    except (BrokenYaml, UnicodeDecodeError) as error:
        raise InvalidRecipe(f"{path.name} is not valid YAML: {error}", param="recipe") from None
    return parse_recipe(body, path.name)


def find_recipe(name: str, folder: Path) -> Recipe:
    """Load the recipe `name` from `folder`; the name is matched against the files there, never joined to a path."""
    known = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    if name not in known:
        names = ", ".join(known) or "none"
        message = f"There is no recipe {name!r}{suggest(name, known) or '.'}"
        raise InvalidRecipe(message, param="recipe", next_step=f"Choose one of: {names}.")
    return load_recipe(known[name])
