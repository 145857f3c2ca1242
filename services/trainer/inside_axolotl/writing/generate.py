"""Let a model answer a batch of prompts: greedily, or drawn from its whole distribution. Runs in Axolotl's environment.

What a model's generation_config.json asks for (top_p, a repetition penalty) is left out, except for its end tokens: a
chat model may have several.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

from services.trainer.inside_axolotl.writing.cpu_attention import grouped_on_cpu


@dataclass(frozen=True)
class Answer:
    """The token ids of an answer, without its end token; `ended` is False if it was cut off."""

    ids: list[int]
    ended: bool


def end_tokens(model: Any, end_of_turn: int) -> set[int]:
    """Return the tokens that end an answer: the one by which the chat template ends a turn, and the model's own."""
    own = getattr(model.generation_config, "eos_token_id", None)
    return {end_of_turn, *(own if isinstance(own, list) else [own] if own is not None else [])}


def generate(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    max_tokens: int,
    temperature: float,
    end: Collection[int],
    pad: int,
    is_stopping: Callable[[], bool] = lambda: False,
    report: Callable[[int], None] = lambda tokens: None,
) -> list[Answer]:
    """Return the answers to prompts of token ids, written together with at most `max_tokens` tokens each.

    Temperature 0 takes the likeliest token. With each token `report` gets the number of tokens so far, and
    `is_stopping` may end all answers early. It computes in bfloat16 if the model's layers are of mixed precision.
    """
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), pad)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):  # an answer follows its prompt, so the padding stands before
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    sampling = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
    settings = GenerationConfig(
        **(sampling if temperature > 0 else {"do_sample": False}), repetition_penalty=1.0, max_new_tokens=max_tokens,
        use_cache=True, eos_token_id=sorted(end), pad_token_id=pad,
    )  # fmt: skip
    mixed = len({parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()}) > 1
    autocast = torch.autocast(model.device.type, torch.bfloat16, enabled=mixed)
    with torch.no_grad(), grouped_on_cpu(model), autocast:
        texts = model.generate(
            input_ids=ids.to(model.device),
            attention_mask=mask.to(model.device),
            generation_config=settings,
            stopping_criteria=StoppingCriteriaList([AfterEachToken(width, report, is_stopping)]),
        )
    return [cut_at_end(text, end) for text in texts[:, width:].tolist()]


class AfterEachToken(StoppingCriteria):  # type: ignore[misc]
    """Reports the tokens behind prompts of `width` tokens, and ends every answer once a condition is true."""

    def __init__(self, width: int, report: Callable[[int], None], is_stopping: Callable[[], bool]) -> None:
        self._width, self._report, self._is_stopping = width, report, is_stopping

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        """Return whether each answer ends here."""
        self._report(input_ids.shape[1] - self._width)
        return torch.full((input_ids.shape[0],), self._is_stopping(), device=input_ids.device)


def cut_at_end(ids: Sequence[int], end: Collection[int]) -> Answer:
    """Cut an answer at its first end token: what follows is padding."""
    length = next((place for place, token in enumerate(ids) if token in end), None)
    return Answer(list(ids[:length]), length is not None)
