"""Publishing a conference's messages to the sites, over the board's one connection; noted as deeds."""

import asyncio
from collections.abc import Mapping
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from agent.console.board.conference_known import Known
from agent.console.board.deeds import DeedLog
from agent.console.board.parts import Parts
from agent.console.board.render import page
from agent.console.conference_push import REFUSED, Told
from agent.core.contract import Conference

OUTCOME = {
    "not_permitted": ("máy chủ không cho phép", "not permitted by the broker"),
    "broker_lost": ("máy chủ không trả lời, thử lại", "the broker does not answer, try again"),
}


class Teller:
    """Thread: the event loop's."""

    def __init__(self, parts: Parts, known: Known) -> None:
        self._live, self._known, self._deeds = parts.live, known, DeedLog(parts.engine)

    async def tell(self, request: Request, id_: str, what: str, messages: Mapping[str, Conference | None]) -> Response:
        """Publish; back to the page, unless some site's message was not taken."""
        by = request.state.user.name
        number = await run_in_threadpool(self._deeds.begin, by, "", "conference", {"id": id_, "what": what})
        receipts = [
            asyncio.wrap_future(self._live.publish(site, "conference", told, retain=True))
            for site, told in messages.items()
        ]
        codes = await asyncio.gather(*receipts, return_exceptions=True)
        outcome = {site: _outcome(code) for site, code in zip(messages, codes, strict=True)}
        failed = {site: word for site, word in outcome.items() if word != "told"}
        worst = next(iter(failed.values()), None)
        await run_in_threadpool(self._deeds.finish, number, "silent" if worst else "done", worst)
        self._known.was_cleared(id_, what == "clear")
        if failed:
            told = len(outcome) - len(failed)
            return page(request, "conference_told.html", 502, id=id_, failed=failed, told=told, words=OUTCOME)
        return RedirectResponse(f"/conference/{quote(id_, safe='')}", 303)


def _outcome(code: int | BaseException) -> Told:
    if isinstance(code, int):
        return "not_permitted" if code >= REFUSED else "told"
    if isinstance(code, OSError):  # TimeoutError is one
        return "broker_lost"
    raise code
