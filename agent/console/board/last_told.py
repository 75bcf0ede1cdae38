"""What a site said last, which is no more than that once it is away. Pure."""

from datetime import datetime

from agent.console.sites import SiteView
from agent.console.trouble import Words, gone

LOAD: dict[str, Words] = {"on": ("bật", "on"), "off": ("tắt", "off"), "unknown": ("chưa rõ", "unknown")}


def last_told(words: Words) -> Words:
    """How something was when it was last heard of."""
    return f"chưa rõ (lần cuối: {words[0]})", f"unknown (last: {words[1]})"


def loads(view: SiteView | None, now: datetime) -> dict[str, Words]:
    """The loads of a room and how they are, as far as that is known."""
    if view is None or view.power is None:
        return {}
    is_away = gone(view, now) is not None
    said = {name: LOAD[level] for name, level in view.power.loads.items()}
    return {name: last_told(words) for name, words in said.items()} if is_away else said
