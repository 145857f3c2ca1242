"""The base model reads the passages of author, base, tuned model and unseen impostors behind their contexts.

The requests are three for each passage. vLLM does not use its prefix cache for a request that wants the
log-probabilities of the prompt, so a context costs as much as a passage; that is why only some briefs are taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, cycle, islice, zip_longest

import numpy as np
import numpy.typing as npt

from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.sampling import spread
from services.evaluator.generation.concurrency import Progress, run_concurrently
from services.evaluator.generation.vllm_client import VllmClient
from services.evaluator.second_judge.contexts import CONTEXT_TOKENS, Contexts, choose_contexts
from services.evaluator.second_judge.passages import (
    PASSAGE_TOKENS,
    ContextualPassage,
    list_uncounted,
    mean_of,
    put_behind,
)
from services.evaluator.voice.align_lengths import AlignedTexts, align_lengths
from services.evaluator.voice.features.chunk import cut_chunks
from services.evaluator.voice.inputs import VoiceInputs

MIN_PROMPTS = 8  # with fewer, nothing can be told

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Readings:
    """Mean log-probabilities (nats per token): a row per passage, a column per context (author, base, impostor).

    Row i of `genuine`, `base` and `tuned` belongs to the same brief; so does that of `impostors`, by its contexts only.
    """

    genuine: Matrix
    base: Matrix
    tuned: Matrix
    impostors: Matrix
    context_tokens: int
    passage_tokens: int


@dataclass(frozen=True)
class ReadingPlan:
    """Everything to be read: a list of three contextual passages for each writer and brief."""

    genuine: list[list[ContextualPassage]]
    base: list[list[ContextualPassage]]
    tuned: list[list[ContextualPassage]]
    impostors: list[list[ContextualPassage]]
    context_tokens: int
    passage_tokens: int

    def list_passages(self) -> list[ContextualPassage]:
        """List all of them, in the order in which `arrange` takes their means."""
        return [passage for part in self._parts() for triple in part for passage in triple]

    def arrange(self, means: Sequence[float]) -> Readings:
        """Arrange the means of all passages by writer and brief."""
        rows = np.array(means, dtype=np.float64).reshape(-1, 3)
        ends = np.cumsum([len(part) for part in self._parts()])
        genuine, base, tuned, impostors = np.split(rows, ends[:-1])
        return Readings(genuine, base, tuned, impostors, self.context_tokens, self.passage_tokens)

    def _parts(self) -> tuple[list[list[ContextualPassage]], ...]:
        return self.genuine, self.base, self.tuned, self.impostors


async def read_passages(
    base: VllmClient,
    tokenizer: ChatTokenizer,
    inputs: VoiceInputs,
    *,
    prompts: int,
    max_tokens: int,
    seed: int,
    reporter: Reporter,
) -> Readings | None:
    """Let the base read what at most `prompts` briefs have led to; returns None if there are too few passages.

    `max_tokens` is what the engine can read at once. Raises EvaluationFailed and Stopped.
    """
    plan = await asyncio.to_thread(plan_readings, inputs, tokenizer, prompts=prompts, max_tokens=max_tokens, seed=seed)
    if len(plan.genuine) < MIN_PROMPTS:
        return None
    passages = plan.list_passages()
    progress = Progress("passages read by the second judge", len(passages), reporter)
    return plan.arrange(await run_concurrently([_read(base, passage, progress) for passage in passages]))


async def _read(base: VllmClient, passage: ContextualPassage, progress: Progress) -> float:
    log_probabilities = await base.log_probabilities(passage.ids)
    progress.count()
    return mean_of(log_probabilities, passage.places)


def plan_readings(
    inputs: VoiceInputs, tokenizer: ChatTokenizer, *, prompts: int, max_tokens: int, seed: int
) -> ReadingPlan:
    """Plan what is read of the briefs of which the author's and the base's passage are long enough.

    Texts are masked and cut as for T. A passage of the tuned model that is too short counts as the base's.
    """
    aligned = align_lengths(inputs)
    context_tokens, passage_tokens = (min(limit, max_tokens // 2 - 2) for limit in (CONTEXT_TOKENS, PASSAGE_TOKENS))
    rows = spread(_list_complete(aligned), prompts)
    genuine = [aligned.genuine[row].unmasked for row in rows]
    base = [aligned.base[row].unmasked for row in rows]
    tuned = [(aligned.tuned[row] if aligned.tuned[row].long_enough else aligned.base[row]).unmasked for row in rows]
    impostors = _choose_impostors(inputs, len(rows))
    contexts = choose_contexts(inputs, tokenizer, len(rows), context_tokens, seed)
    uncounted = list_uncounted([*inputs.author_train, *genuine, *base, *tuned, *impostors], inputs.language)
    read = partial(_put_all_behind, contexts, tokenizer=tokenizer, uncounted=uncounted, tokens=passage_tokens)
    return ReadingPlan(read(genuine), read(base), read(tuned), read(impostors), context_tokens, passage_tokens)


def _put_all_behind(
    contexts: Sequence[Contexts],
    texts: Sequence[str],
    *,
    tokenizer: ChatTokenizer,
    uncounted: frozenset[str],
    tokens: int,
) -> list[list[ContextualPassage]]:
    """Put each text behind the contexts of its brief; there may be no texts at all."""
    pairs = zip(contexts, texts, strict=False)
    return [put_behind(context, text, tokenizer, uncounted, tokens) for context, text in pairs]


def _list_complete(aligned: AlignedTexts) -> list[int]:
    """List the briefs of which the passages of author and base are long enough."""
    pairs = enumerate(zip(aligned.genuine, aligned.base, strict=True))
    return [row for row, (genuine, base) in pairs if genuine.long_enough and base.long_enough]


def _choose_impostors(inputs: VoiceInputs, count: int) -> list[str]:
    """Choose `count` passages of the unseen impostors, of one after the other."""
    texts = [spread(cut_chunks(impostor.texts), count) for impostor in inputs.unseen_impostors]
    in_turn = chain.from_iterable(zip_longest(*texts))
    return list(islice(cycle([text for text in in_turn if text is not None]), count))
