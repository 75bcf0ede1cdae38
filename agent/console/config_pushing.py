"""A push to many sites, wave by wave: what comes from the broker is given to the machine of the site that it is about.

Ctrl-C (and SIGTERM, and a terminal that is closed) is heeded between two messages, never amid one site's step: then no
new site begins, what waits is withdrawn, and what was stored before is put back wherever the config was not applied.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import click

from agent.console import config_push
from agent.console.config_link import Heard, Letter, Post
from agent.console.config_push import Act, Ask, Push, Step
from agent.console.config_sites import report_of
from agent.console.rollout import has_failed, waves
from agent.console.site_commands import complain

STEP_S = 0.2  # how long Ctrl-C may wait
LAST_WORD_S = 5.0  # for a site that was confirmed when the time was over, and for the broker's last answers
NOT_REACHED = (
    "không kết nối được máy chủ, cấu hình lưu sẵn cho các điểm cầu này có thể chưa được trả lại như cũ / the broker "
    "was not reached, so what was stored before for these sites may not have been put back (config get --desired): "
)

OnEnd = Callable[[Push, int | None], None]


class Pushing:
    """Thread: the caller's; signals are heeded where it is the main one.

    Args:
        desk: Started; it has learned what there is.
        within_s: How long each wave may take.
        question: Asked where a push asks a person; may take its time.
        on_news: Told when a site has to wait, or will not be confirmed.
        on_end: Told each push once, with its outcome and its wave (None: it never began).
    """

    def __init__(
        self,
        desk: Post,
        within_s: float,
        question: Callable[[Push], bool],
        on_news: Callable[[Push], None],
        on_end: OnEnd,
    ) -> None:
        self._desk, self._within_s = desk, within_s
        self._question, self._on_news, self._on_end = question, on_news, on_end
        self._pushes: dict[str, Push] = {}
        self._wave = 0
        self._stopped = threading.Event()
        self._is_asking = False

    @property
    def was_stopped(self) -> bool:
        """Whether somebody has ended it."""
        return self._stopped.is_set()

    def of(self, site: str) -> Push | None:
        """How a site's push stands; None: it has not begun. Thread: any."""
        return self._pushes.get(site)

    def run(self, pushes: Sequence[Push], away: Sequence[Push]) -> None:
        """Push to all; ``away`` are left at the broker for sites that are not there, once all others went well.

        Nothing is raised for what goes wrong at a site.
        """
        waiting = {each.site: each for each in (*pushes, *away)}
        with self._signals(), self._tidied():
            is_well = self._in_waves(pushes, waiting)
            if is_well and not self.was_stopped:
                self._leave([waiting.pop(each.site) for each in away])
        why = "interrupted" if self.was_stopped else "wave_failed"
        for push in waiting.values():
            self._on_end(replace(push, outcome="not_started", reason=why), None)

    def _in_waves(self, pushes: Sequence[Push], waiting: dict[str, Push]) -> bool:
        for number, wave in enumerate(waves([each.site for each in pushes]), 1):
            if self.was_stopped:
                return False
            self._wave = number
            ended = self._one_wave([waiting.pop(site) for site in wave])
            if any(each.is_undecided for each in ended):
                return False  # nothing is known against it yet, but nothing for it either
            is_unattended = not any(each.message.confirm_within_s for each in ended)
            if has_failed([each.outcome for each in ended if each.outcome is not None], is_unattended):
                return False
        return True

    def _one_wave(self, wave: list[Push]) -> list[Push]:
        self._pushes = {each.site: each for each in wave}
        self._desk.catch_up()
        for push in wave:
            late = replace(push, outcome="rejected", reason="stale_base")  # somebody was faster than the person here
            self._take((late, ()) if self._is_overtaken(push) else config_push.begin(push))
        until_s = time.monotonic() + self._within_s
        while self._open() and not self.was_stopped and (left_s := until_s - time.monotonic()) > 0:
            self._hear(min(left_s, STEP_S))
            self._let_go_of_lost()
        until_s = time.monotonic() + LAST_WORD_S
        while self._open("confirmed") and (left_s := until_s - time.monotonic()) > 0:
            self._hear(min(left_s, STEP_S))
        for push in self._open():
            self._take(config_push.give_up(push, "interrupted" if self.was_stopped else "time_over"))
        return list(self._pushes.values())

    def _open(self, phase: str | None = None) -> list[Push]:
        return [each for each in self._pushes.values() if each.outcome is None and phase in (None, each.phase)]

    def _hear(self, wait_s: float) -> None:
        event = self._desk.next(wait_s)
        push = self._pushes.get(event.site) if event is not None else None
        if event is None or push is None:
            return
        if not isinstance(event, Heard):
            self._take(config_push.receipt(push, event.name, event.code))
        elif event.name == "config/reported" and (report := report_of(event.raw)) is not None:
            self._take(config_push.heard(push, report))

    def _let_go_of_lost(self) -> None:
        for push in self._open():
            known = self._desk.known.get(push.site)
            if known is not None and known.presence == "lost":
                self._take(config_push.lost(push))

    def _take(self, step: Step) -> None:
        """Keep a push's new state, and do what it says."""
        push, acts = step
        before = self._pushes[push.site]
        self._pushes[push.site] = push
        self._do(push, acts)
        if push.outcome is not None and before.outcome is None:
            self._on_end(push, self._wave)
        elif push.reason is not None and (push.phase, push.reason) != (before.phase, before.reason):
            self._on_news(push)
        if any(isinstance(act, Ask) for act in acts):
            self._take(config_push.answered(push, self._ask(push)))

    def _do(self, push: Push, acts: Sequence[Act]) -> None:
        says = [act for act in acts if not isinstance(act, Ask)]
        if self._is_overtaken(push):
            says = [act for act in says if act.name != config_push.DESIRED]
        self._desk.say(*(Letter(push.site, each.name, each.raw, each.retain) for each in says))

    def _is_overtaken(self, push: Push) -> bool:
        """Whether somebody else has desired something there since: that is not ours to replace, or to withdraw."""
        known = self._desk.known.get(push.site)
        lies = known.desired if known is not None and known.stored != push.stored else None
        return lies is not None and lies.id != push.message.id

    def _ask(self, push: Push) -> bool:
        try:
            self._is_asking = True
            return self._question(push)
        except (KeyboardInterrupt, click.Abort):  # click makes the second of the first, and of the input's end
            self._stopped.set()
            return False
        finally:
            self._is_asking = False

    def _leave(self, away: list[Push]) -> None:
        refused = set[str]()
        for push in away:
            self._do(push, config_push.begin(push)[1])
        until_s = time.monotonic() + self._within_s
        while not self._desk.is_settled and not self.was_stopped and time.monotonic() < until_s:
            event = self._desk.next(STEP_S)
            if event is not None and not isinstance(event, Heard) and event.code >= config_push.REFUSED:
                refused.add(event.site)
        for push in away:
            if push.site in refused:
                ended = replace(push, outcome="not_permitted")
            elif self.was_stopped:
                ended, acts = config_push.give_up(push, "interrupted")
                self._do(push, acts)
            else:
                ended = replace(push, outcome="offline", reason="left_at_broker")
            self._on_end(ended, None)

    @contextmanager
    def _tidied(self) -> Iterator[None]:
        """Whatever flies in between (``| head`` reads no further, say): nothing is left half done at a site."""
        try:
            yield
        finally:
            for push in self._open():
                self._do(push, config_push.give_up(push, "interrupted")[1])
            if not self._desk.settle(LAST_WORD_S):
                complain(NOT_REACHED + ", ".join(self._desk.unanswered))

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Signals set a flag; only at the question, where nothing is half done, they end the waiting."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, frame: Any) -> None:
            self._stopped.set()
            if self._is_asking:
                raise KeyboardInterrupt

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = [signal.signal(each, stop) for each in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)
