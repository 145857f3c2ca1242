"""A comparison of our tokenizer and template with those of transformers."""

from pathlib import Path

from transformers import AutoTokenizer

from scriptorium.contracts.base import Message
from scriptorium.models.tokenizer import ChatTokenizer

SYSTEM: Message = {"role": "system", "content": "Write <b>well</b>."}
USER: Message = {"role": "user", "content": " \u00e9t\u00e9 \U0001f4d6 \u2014 a lamp \n"}
ANSWER: Message = {"role": "assistant", "content": "It burned.\n\nIt \u201cburned\u201d <|im_end|> don't"}
CHATS: list[list[Message]] = [[USER], [USER, ANSWER], [SYSTEM, USER, ANSWER, USER, ANSWER]]


def compare(folder: Path) -> None:
    """Compare our tokenizer with that of transformers, in everything that we use."""
    ours, theirs = ChatTokenizer(folder), AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    for chat in CHATS:
        for add_generation_prompt in (True, False):
            rendered = theirs.apply_chat_template(chat, tokenize=False, add_generation_prompt=add_generation_prompt)
            assert ours.render(chat, add_generation_prompt=add_generation_prompt) == rendered
            encoding = theirs(rendered, add_special_tokens=False, return_offsets_mapping=True)
            ids, offsets = ours.encode_with_offsets(rendered)
            assert ids == ours.encode(rendered) == encoding["input_ids"]
            assert offsets.tolist() == [list(pair) for pair in encoding["offset_mapping"]]
            assert ours.decode(ids) == theirs.decode(ids, clean_up_tokenization_spaces=False)
            assert ours.count([rendered, ""]) == [len(ids), 0]
            (located,) = ours.locate_tokens([rendered])
            assert located[0] == rendered
            assert located[1].tolist() == offsets.tolist()
    assert theirs.convert_tokens_to_ids(ours.end_of_turn) in theirs.added_tokens_decoder
