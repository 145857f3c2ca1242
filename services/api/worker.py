"""The API's process: `python -m services.api.worker` listens on the address of the settings until it is stopped."""

from __future__ import annotations

import logging
import sys

import uvicorn

from scriptorium.access.exposure import check_exposure
from scriptorium.errors import InvalidRequest
from scriptorium.jobs.runner import open_context
from scriptorium.process.log_records import log_one_line_each
from scriptorium.process.tool_environment import opt_out_of_telemetry
from services.api.application import create_app

if __name__ == "__main__":
    log_one_line_each()
    opt_out_of_telemetry()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log every request to an engine
    context = open_context(patient=False)
    settings = context.settings
    try:
        check_exposure(settings)
    except InvalidRequest as error:
        sys.exit(f"{error} {error.next_step}")
    uvicorn.run(
        create_app(context),
        host=settings.api_host,
        port=settings.api_port,
        timeout_graceful_shutdown=3,  # open event streams must not hold a shutdown up
        log_config=None,
        access_log=False,
    )
