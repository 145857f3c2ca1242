import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from scriptorium.artifacts.dataset import CONTINUE_INSTRUCTION, EXAMPLES, Row
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.recipe import PromptKind
from services.data.prompts.rendered_examples import choose_examples, describe_example, make_example, write_examples

PASSAGE = "The old man went down to the river — “alone,” as he said.\n\nNobody saw him. Ça va? 新しい朝が来た。"
CHATML = (
    "<|im_start|>system\nBe helpful<|im_end|>\n"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA3 = (
    "{% for message in messages %}<|im_start|>{{ message.role }}<|head|>\n\n{{ message.content | trim }}<|im_end|>"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant<|head|>\n\n{% endif %}"
)
THINKING = (  # the prompt ends in something that the rendered row does not have
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>{% endif %}"
)


def row(kind: PromptKind = "brief", passage: str = PASSAGE, brief: str = "Write of a river.") -> Row:
    messages = [{"role": "user", "content": brief}, {"role": "assistant", "content": passage}]
    return Row.model_validate({"messages": messages, "chapter": "Chapter 1", "kind": kind})


@pytest.fixture(scope="module", params=[CHATML, LLAMA3, THINKING])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ChatTokenizer:
    """Train a byte-level tokenizer, as large models have them, on next to nothing."""
    folder = tmp_path_factory.mktemp("base")
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        [PASSAGE, CONTINUE_INSTRUCTION], trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet)
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|im_start|>")
    fast.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>", "<|head|>"]})
    fast.chat_template = request.param
    fast.save_pretrained(folder)
    return ChatTokenizer(folder)


def test_the_pieces_are_the_row_and_the_turn_with_its_end_trains(tokenizer: ChatTokenizer) -> None:
    example = make_example(row(), tokenizer)
    assert "".join(piece.text for piece in example.pieces) == tokenizer.render(row().messages)
    assert [piece.text for piece in example.pieces if piece.trained] == [f"{PASSAGE}<|im_end|>"]
    assert example.pieces[0].text.endswith("assistant\n") or example.pieces[0].text.endswith("assistant<|head|>\n\n")
    assert example.trained_tokens == tokenizer.count([PASSAGE])[0] + 1
    assert example.tokens == len(tokenizer.encode(tokenizer.render(row().messages)))


def test_a_prompt_that_quotes_the_passage_does_not_train(tokenizer: ChatTokenizer) -> None:
    example = make_example(row("context", brief=f"{CONTINUE_INSTRUCTION}\n\n{PASSAGE}"), tokenizer)
    assert [piece.trained for piece in example.pieces][:2] == [False, True]
    assert PASSAGE in example.pieces[0].text


def test_one_of_each_kind_is_written_and_logged(tokenizer: ChatTokenizer, tmp_path: Path) -> None:
    kinds: list[PromptKind] = ["brief"] * 5 + ["continue"] + ["brief"] * 3 + ["context"]
    reporter = SilentReporter()
    write_examples(choose_examples([row(kind) for kind in kinds]), tokenizer, tmp_path, reporter)
    shown = json.loads((tmp_path / EXAMPLES).read_text(encoding="utf-8"))
    assert [example["kind"] for example in shown] == ["brief", "continue", "context"]
    assert len(reporter.messages) == 3
    assert all("[The old man" in message and "<|im_end|>]" in message for message in reporter.messages)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
def test_three_rows_are_shown_if_there_are_three(count: int) -> None:
    rows = [row(passage=f"Passage {number}.") for number in range(count)]
    chosen = choose_examples(rows)
    assert len(chosen) == min(3, count)
    assert [row for row in rows if row in chosen] == chosen


def test_a_long_text_is_logged_in_short(tokenizer: ChatTokenizer) -> None:
    line = describe_example(make_example(row(passage="word " * 500 + "end."), tokenizer))
    assert len(line) < 450
    assert line.startswith("Example (brief, ")
