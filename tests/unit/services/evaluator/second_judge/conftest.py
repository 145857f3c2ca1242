"""A base model that learns from what it has just read, its tokenizer, and what made-up authors wrote."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from scriptorium.models.tokenizer import ChatTokenizer
from services.evaluator.voice.inputs import HeldOutPassage, VoiceImpostor, VoiceInputs
from tests.made_up_authors import write_passages

AUTHOR, BASE = 1, 2
TEMPLATE = "{% for m in messages %}{{ m['content'] }} <|end|> {% endfor %}"


class AdaptiveBase:
    """A stand-in for the client of the base: the more often a token was there before, the likelier it is."""

    def __init__(self, vocabulary: int) -> None:
        self.vocabulary = vocabulary
        self.requests: list[list[int]] = []

    async def log_probabilities(self, ids: Sequence[int]) -> list[float]:
        self.requests.append(list(ids))
        counts: Counter[int] = Counter(ids[:1])
        values = []
        for number, token in enumerate(ids[1:], start=1):
            values.append(math.log((counts[token] + 0.1) / (number + 0.1 * self.vocabulary)))
            counts[token] += 1
        return values


def make_inputs(tuned: Sequence[str]) -> VoiceInputs:
    """Make the inputs of one evaluation of what a tuned model wrote."""
    genuine = write_passages(AUTHOR, 2, 40)
    return VoiceInputs(
        author_train=write_passages(AUTHOR, 1, 20),
        held_out=[HeldOutPassage(text, "Write of rain.") for text in genuine],
        base=write_passages(BASE, 2, 40),
        tuned=tuned,
        base_calibration=write_passages(BASE, 1, 20),
        seen_impostors=[VoiceImpostor(f"seen {number}", write_passages(10 + number, 1, 8)) for number in range(3)],
        unseen_impostors=[VoiceImpostor(f"unseen {number}", write_passages(20 + number, 1, 8)) for number in range(2)],
    )


@pytest.fixture
def inputs_with() -> Callable[[Sequence[str]], VoiceInputs]:
    return make_inputs


@pytest.fixture(scope="session")
def word_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> ChatTokenizer:
    """A token for each word and sign that anybody wrote."""
    inputs = make_inputs(write_passages(AUTHOR, 3, 40))
    others = [text for other in (*inputs.seen_impostors, *inputs.unseen_impostors) for text in other.texts]
    texts = [*inputs.author_train, *inputs.base, *inputs.tuned, *inputs.base_calibration, *others]
    texts += [passage.text for passage in inputs.held_out]
    words = sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]+", text)})
    vocabulary = {word: number for number, word in enumerate(["<unk>", "<|end|>", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(["<|end|>"])
    folder = tmp_path_factory.mktemp("words")
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>", "chat_template": TEMPLATE}
    (Path(folder) / "tokenizer_config.json").write_text(json.dumps(config))
    return ChatTokenizer(folder)


@pytest.fixture
def base() -> AdaptiveBase:
    return AdaptiveBase(vocabulary=200)
