"""Which models a job's engine session names, and how their engines are found, by whoever needs them to answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scriptorium.contracts import Endpoint, Job, Phase, ServeRequest
from scriptorium.errors import StoreUnavailable
from scriptorium.jobs.requests import REQUEST_MAKERS, RequestContext
from scriptorium.store import Store
from scriptorium.store.connection import store_errors
from scriptorium.store.serving import WantedModel

Locate = Callable[[Endpoint], str | None]


def merged_model(request: ServeRequest) -> WantedModel:
    """Return the tuned model as it was merged."""
    return WantedModel(
        name=request.tuned_name, folder=str(request.merged), temperature=request.temperature, round=request.round
    )


def session_models(request: ServeRequest, *, gpu: bool) -> tuple[WantedModel, WantedModel]:
    """Return base and tuned model as an evaluation needs them.

    On a GPU base and adapter share one engine; on a CPU an adapter answers about 20 times slower, so the merged model
    has an engine of its own.
    """
    base = WantedModel(name=request.base_name, folder=str(request.base))
    merged = merged_model(request)
    adapter = merged.model_copy(update={"folder": base.folder, "adapter": str(request.adapter)})
    return base, adapter if gpu else merged


def open_evaluation_session(store: Store, job: Job, context: RequestContext) -> Locate:
    """Open a job's session again, if it was lost, and return how to find the engines of its models."""
    request = ServeRequest.model_validate(REQUEST_MAKERS[Phase.SERVE](job, context).model_dump())
    models = session_models(request, gpu=context.settings.gpu)
    store.serving.open_session(job.id, list(models), job.rank)
    return make_locator(store, models)


def make_locator(store: Store, models: Sequence[WantedModel]) -> Locate:
    """Return a function that finds the address of an endpoint's engine by the model's name, whenever it is called.

    None means that the engine does not answer now: it is loading, waits for its device, or the store is away.
    """
    by_name = {model.name: model for model in models}

    def locate(endpoint: Endpoint) -> str | None:
        try:
            with store_errors():
                engine = store.serving.find_engine(by_name[endpoint.model])
        except StoreUnavailable:
            return None
        return engine.url if engine and engine.state == "ready" else None

    return locate
