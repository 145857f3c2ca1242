"""/v1/x/webhook_deliveries and /v1/x/notice_deliveries: the log of what was sent, and tests of the receivers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict

from scriptorium.contracts.delivery import AnnouncementType, Channel, Delivery
from scriptorium.errors import Conflict
from services.api.deliveries.sender import Sender
from services.api.dependencies import Context
from services.api.pagination import After, paginate, render_page

router = APIRouter(prefix="/v1/x", tags=["deliveries"])

SETTINGS = {Channel.WEBHOOK: "SCRIPTORIUM_WEBHOOK_URL", Channel.NOTICE: "SCRIPTORIUM_NOTICES"}
NEXT_STEP = "Set it where the API runs and start that again: docs/webhooks.md."
WebhookType = Literal[AnnouncementType.SUCCEEDED, AnnouncementType.FAILED, AnnouncementType.CANCELLED]
Limit = Annotated[int, Query(ge=1, le=100)]


class SampleEvent(BaseModel):
    """The body of POST /v1/x/webhook_deliveries, which may be left out: the type of the event that is sent."""

    model_config = ConfigDict(extra="forbid")

    type: WebhookType = AnnouncementType.SUCCEEDED


@router.get("/webhook_deliveries")
def webhook_deliveries(
    context: Context, job: str | None = None, after: After = None, limit: Limit = 20
) -> dict[str, Any]:
    """List the deliveries of webhooks, newest first."""
    return list_deliveries(context.store.deliveries.all(), Channel.WEBHOOK, job, after, limit)


@router.get("/notice_deliveries")
def notice_deliveries(
    context: Context, job: str | None = None, after: After = None, limit: Limit = 20
) -> dict[str, Any]:
    """List the deliveries of notices, newest first."""
    return list_deliveries(context.store.deliveries.all(), Channel.NOTICE, job, after, limit)


@router.post("/webhook_deliveries")
async def test_webhooks(request: Request, body: SampleEvent | None = None) -> dict[str, Any]:
    """Send an event of a job that does not exist to every webhook, once."""
    kind = body.type if body else AnnouncementType.SUCCEEDED
    return await test_receivers(request.app.state.sender, Channel.WEBHOOK, kind)


@router.post("/notice_deliveries")
async def test_notices(request: Request) -> dict[str, Any]:
    """Send a notice to every service, once."""
    return await test_receivers(request.app.state.sender, Channel.NOTICE, AnnouncementType.SUCCEEDED)


async def test_receivers(sender: Sender, channel: Channel, kind: AnnouncementType) -> dict[str, Any]:
    """Test the receivers of a channel. Raises Conflict if there is none, or one that cannot be used."""
    if channel is Channel.NOTICE and sender.problems:
        raise Conflict("Some addresses of notices cannot be used.", problems=sender.problems, next_step=NEXT_STEP)
    deliveries = await sender.test(channel, kind)
    if not deliveries:
        raise Conflict(f"There is nobody to send to: {SETTINGS[channel]} is empty.", next_step=NEXT_STEP)
    return render_page([render_delivery(delivery) for delivery in deliveries], has_more=False)


def list_deliveries(
    deliveries: list[Delivery], channel: Channel, job_id: str | None, after: str | None, limit: int
) -> dict[str, Any]:
    """Return a page of the deliveries of a channel, of one job or of all."""
    wanted = [
        delivery
        for delivery in deliveries
        if delivery.channel is channel and job_id in (None, delivery.announcement.job_id)
    ]
    page, has_more = paginate(wanted, limit, after, lambda delivery: delivery.id)
    return render_page([render_delivery(delivery) for delivery in page], has_more=has_more)


def render_delivery(delivery: Delivery) -> dict[str, Any]:
    """Render a delivery."""
    announcement = delivery.announcement
    return {
        "id": delivery.id,
        "object": f"{delivery.channel}.delivery",
        "created_at": delivery.created_at,
        "event_id": announcement.id,
        "type": announcement.type,
        "job_id": announcement.job_id,
        "receiver": delivery.receiver,
        "state": delivery.state,
        "attempts": [attempt.model_dump() for attempt in delivery.attempts],
        "next_attempt_at": delivery.next_attempt_at,
    }
