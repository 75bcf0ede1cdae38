"""The buttons of simulated rooms on the page: a finger in the room, not a command of the centre's. The demo only."""

from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from agent.console.board.access import needs
from agent.console.board.parts import Parts


def routes(parts: Parts) -> Sequence[BaseRoute]:
    """``POST /demo/{site}/press``, with ``hold`` = 1 to hold the button. 404 for a site that has no button here."""

    @needs("viewer")
    async def press(request: Request) -> Response:
        site = request.path_params["site"]
        button = parts.buttons.get(site)
        if button is None:
            raise HTTPException(404)
        form = await request.form()
        await run_in_threadpool(button, form.get("hold") == "1")
        return RedirectResponse(f"/site/{site}", status_code=303)

    return [Route("/demo/{site}/press", press, methods=["POST"])]
