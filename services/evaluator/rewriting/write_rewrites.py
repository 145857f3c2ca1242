"""Have the base retell held-out passages as plain drafts, and both models rewrite the same drafts.

A draft is checked as in training; one that is refused is asked for once more, and then an outline stands in for it. A
passage whose requests do not fit into the engines' context is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scriptorium.contracts.base import Message
from scriptorium.contracts.report.document import ModelInfo, Sample
from scriptorium.contracts.report.rewriting import RewriteRole, RewriteSample
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.rewriting.book_words import BookWords
from scriptorium.rewriting.judge_draft import judge_draft
from scriptorium.rewriting.outline import write_outline
from scriptorium.rewriting.wording import TEMPERATURES, ask_to_retell, ask_to_rewrite
from scriptorium.sampling import spread
from services.evaluator.generation.concurrency import Progress, run_concurrently
from services.evaluator.generation.plan import derive_seed, list_system_messages
from services.evaluator.generation.prompted_baseline import cut_excerpt
from services.evaluator.generation.vllm_client import VllmClient
from services.evaluator.rewriting.samples import RewriteFile

MAX_WORDS = 400  # of a passage that are retold: its rewriting fits into what a model may write


@dataclass(frozen=True)
class RewriteWriter:
    """A model behind its client, and how it decodes; `seed` is that of the evaluation, None if engines take none."""

    role: RewriteRole
    client: VllmClient
    model_info: ModelInfo
    max_tokens: int
    temperature: float
    seed: int | None

    async def write(self, sample: Sample, genuine: str, messages: list[Message], temperature: float) -> RewriteSample:
        """Let the model answer messages about the beginning of a held-out passage."""
        seed = None if self.seed is None else derive_seed(self.seed, "test", sample.index)
        completion = await self.client.write(messages, self.max_tokens, temperature=temperature, seed=seed)
        return RewriteSample(
            role=self.role,
            index=sample.index,
            chapter=sample.chapter,
            genuine=genuine,
            messages=messages,
            **completion.model_dump(),
            temperature=temperature,
            max_tokens=self.max_tokens,
            seed=seed,
            model=self.model_info.model,
            engine=self.model_info.version,
        )

    def wrote(self, sample: RewriteSample, genuine: str) -> bool:
        """Return whether a sample of an earlier attempt is this model's, about the same text."""
        model = (self.model_info.model, self.model_info.version)
        return (sample.genuine, sample.model, sample.engine) == (genuine, *model)

    def answered(self, sample: RewriteSample, genuine: str, messages: list[Message]) -> bool:
        """Return whether a sample of an earlier attempt is what this model would be asked for now."""
        settings = (sample.messages, sample.temperature, sample.max_tokens)
        return self.wrote(sample, genuine) and settings == (messages, self.temperature, self.max_tokens)


@dataclass(frozen=True)
class Drafting:
    """What a draft is made and checked with: the base, the words of the book, the tokenizer and the context."""

    base: RewriteWriter
    book: BookWords
    tokenizer: ChatTokenizer
    context: int | None

    def fits(self, messages: list[Message]) -> bool:
        """Return whether messages and answer fit into the engines' context."""
        if self.context is None:
            return True
        tokens = len(self.tokenizer.encode(self.tokenizer.render(messages, add_generation_prompt=True)))
        return tokens + self.base.max_tokens <= self.context

    async def write(self, sample: Sample, genuine: str) -> RewriteSample:
        """Write a draft of the beginning of a passage: the base's, or an outline if each of its drafts is refused."""
        refused: list[str] = []
        for temperature in TEMPERATURES:
            answer = await self.base.write(sample, genuine, retelling(genuine), temperature)
            text, ended = answer.text.strip(), answer.finish_reason == "stop"
            reason: str | None = judge_draft(genuine, text, self.book, ended=ended)
            if not reason and not self.fits(rewriting(sample, text)):
                reason = "length"
            if not reason:
                return answer.model_copy(update={"role": "draft", "text": text, "refused": refused})
            refused.append(reason)
        outline = {"text": write_outline(genuine, self.book), "outline": True, "refused": refused}
        return answer.model_copy(update={"role": "draft", **outline})


async def write_rewrites(
    samples: Sequence[Sample],
    number: int,
    drafting: Drafting,
    writers: Sequence[RewriteWriter],
    *,
    folder: Path,
    reporter: Reporter,
) -> list[RewriteSample]:
    """Have `number` passages retold, evenly spread over those of the base's test `samples`, and rewritten by all.

    Returns the drafts and what each writer made of them, writer by writer. Raises EvaluationFailed and Stopped.
    """
    file = RewriteFile(folder)
    passages = [(sample, cut_excerpt(sample.genuine, MAX_WORDS)) for sample in spread(samples, number)]
    passages = [pair for pair in passages if can_be_rewritten(*pair, drafting)]
    reporter.message(f"[VALIDATE] Rewriting: {len(passages)} drafts, rewritten by both models")
    progress = Progress("drafts written", len(passages), reporter)
    drafts = await run_concurrently([_draft(*pair, drafting, file, progress) for pair in passages])
    rewrites: list[RewriteSample] = []
    for writer in writers:  # one after the other: two engines share the same cores
        progress = Progress(f"drafts rewritten by the {writer.role} model", len(passages), reporter)
        pairs = zip(passages, drafts, strict=True)
        rewrites += await run_concurrently(
            [_rewrite(sample, draft, writer, file, progress) for (sample, _), draft in pairs]
        )
    file.keep([*drafts, *rewrites])
    return [*drafts, *rewrites]


def can_be_rewritten(sample: Sample, genuine: str, drafting: Drafting) -> bool:
    """Return whether a passage has an outline, and can be retold and rewritten within the context."""
    outline = write_outline(genuine, drafting.book)
    return bool(outline) and drafting.fits(retelling(genuine)) and drafting.fits(rewriting(sample, outline))


def retelling(genuine: str) -> list[Message]:
    """Return the request to retell a text, as the trainer makes it: without a system message."""
    return [Message(role="user", content=ask_to_retell(genuine))]


def rewriting(sample: Sample, draft: str) -> list[Message]:
    """Return the request to rewrite a draft, with the system message of the passage's row, as in training."""
    return [*list_system_messages(sample.messages), Message(role="user", content=ask_to_rewrite(draft))]


async def _draft(
    sample: Sample, genuine: str, drafting: Drafting, file: RewriteFile, progress: Progress
) -> RewriteSample:
    """Return the draft of a passage, from the file or anew."""
    draft = file.find("draft", sample.index)
    if draft is None or not drafting.base.wrote(draft, genuine):
        draft = file.add(await drafting.write(sample, genuine))
    progress.count()
    return draft


async def _rewrite(
    sample: Sample, draft: RewriteSample, writer: RewriteWriter, file: RewriteFile, progress: Progress
) -> RewriteSample:
    """Return what a model makes of a draft, from the file or anew."""
    messages = rewriting(sample, draft.text)
    rewrite = file.find(writer.role, sample.index)
    if rewrite is None or not writer.answered(rewrite, draft.genuine, messages):
        rewrite = file.add(await writer.write(sample, draft.genuine, messages, writer.temperature))
    progress.count()
    return rewrite
