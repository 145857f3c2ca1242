"""The system must change: what a machine lacks, or a tool did not do. The input may be fine."""

from __future__ import annotations

from scriptorium.errors.base import SystemFailure


class EnvironmentMissing(SystemFailure):
    """A tool that a phase needs is not installed."""

    code = "environment_missing"
    default_next_step = "Run `make setup`."


class BaseModelUnusable(SystemFailure):
    """The base model is incomplete or cannot be downloaded."""

    code = "base_model_unusable"
    status = 409  # of a request that names it: the server is as it should be
    default_next_step = "Name another base model, or fetch this one whole: `scriptorium models` lists what is there."


class TrainingFailed(SystemFailure):
    """Axolotl ended without producing a model."""

    code = "training_failed"
    default_next_step = "Read the training log (`scriptorium logs trainer`)."


class TrainingDiverged(SystemFailure):
    """The loss became NaN or infinite, or rose far above its start, before there was a good checkpoint."""

    code = "training_diverged"
    default_next_step = "Halve learning_rate in the recipe, then create the job again."


class TrainingStalled(SystemFailure):
    """Training made no progress for a long time, more than once at the same place."""

    code = "training_stalled"
    default_next_step = (
        "Look whether other programs use the device, and read the training log (`scriptorium logs trainer`). "
        "SCRIPTORIUM_STALL_TIMEOUT says how long is too long."
    )


class TrainingKilled(SystemFailure):
    """Another program killed the training, more than once at the same place."""

    code = "training_killed"
    default_next_step = (
        "Look in the machine's log (`dmesg`, `journalctl`) for what killed it, then create the job again."
    )


class OutOfMemory(SystemFailure):
    """Training ran out of the device's memory."""

    code = "out_of_memory"
    default_next_step = (
        "Lower sequence_len (4096 to 2048) or lora_r (64 to 32) in the recipe, then create the job again."
    )


class ModelTooLarge(SystemFailure):
    """The base model does not fit into the device's memory: nothing of a row was trained."""

    code = "model_too_large"
    default_next_step = "Close what else uses the GPU, or choose the recipe qlora or a smaller base model."


class MachineOutOfMemory(SystemFailure):
    """Training ran out of the machine's memory, not of the GPU's."""

    code = "machine_out_of_memory"
    default_next_step = (
        "Close other programs; under WSL 2 give Linux more (memory=48GB in .wslconfig). Then create the job again."
    )


class DriverMismatch(SystemFailure):
    """The GPU, its driver and PyTorch do not fit together."""

    code = "driver_mismatch"
    default_next_step = "Run `scriptorium doctor`: it names the driver that this version needs."


class MergeFailed(SystemFailure):
    """The adapter does not fit the base model, or the merged model failed its checks."""

    code = "merge_failed"
    default_next_step = "Merge another checkpoint, or train again."


class EngineFailed(SystemFailure):
    """vLLM did not start or did not answer."""

    code = "engine_failed"
    default_next_step = "Read the engine's log (`scriptorium logs server`)."


class EvaluationFailed(SystemFailure):
    """The evaluation could not be completed."""

    code = "evaluation_failed"
    default_next_step = "Let the phase run again; if it fails anew, read `scriptorium logs evaluator`."


class AttemptsExhausted(SystemFailure):
    """The worker of a phase died too many times."""

    code = "attempts_exhausted"
    default_next_step = "Read the service's log, then create the job again."


class StackFailed(SystemFailure):
    """The local stack could not be started or stopped."""

    code = "stack_failed"
    default_next_step = "Read the logs: `scriptorium logs SERVICE`; `scriptorium doctor` checks the machine."


class DiskFull(SystemFailure):
    """There is no space left on the volume."""

    code = "disk_full"
    status = 507
    default_next_step = "Free some space on the volume, then create the job again."


class DiskLow(SystemFailure):
    """Too little space is left on the volume for new work; running jobs go on."""

    code = "disk_low"
    status = 507
    default_next_step = "Run `scriptorium prune`, or delete jobs that are not needed: `scriptorium delete JOB`."


class MemoryLow(SystemFailure):
    """A training is planned to need more memory than its device has free; it was not started."""

    code = "memory_low"
    status = 507
    default_next_step = "Lower training.micro_batch_size or training.sequence_len, or take a smaller base."


class ModelUnavailable(SystemFailure):
    """The model is known, and should answer later; `retry_after` is in seconds."""

    status = 503

    def __init__(
        self, message: str, *, param: str | None = None, next_step: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, param=param, next_step=next_step)
        self.retry_after = retry_after


class ModelNotReady(ModelUnavailable):
    """The model is known, but no engine is serving it at the moment."""

    code = "model_not_ready"
    default_next_step = "Try again after the number of seconds in Retry-After."


class DeviceBusy(ModelUnavailable):
    """A job has the device that the model would be served on."""

    code = "gpu_busy"
    default_next_step = (
        "Try again after the number of seconds in Retry-After, or send the header X-Scriptorium-Wait with the number "
        "of seconds that the request may wait."
    )


class StoreUnavailable(SystemFailure):
    """Redis does not answer."""

    code = "store_unavailable"
    status = 503
    default_next_step = "Check that the stack is running (`scriptorium status`)."


class InternalError(SystemFailure):
    """An unexpected error; the log has the traceback."""

    default_next_step = "Read the service's log and report the error."
