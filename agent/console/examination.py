"""``diemcau doctor`` for people and for programs: Vietnamese first, English beside it."""

from typing import Any

import click

from agent.core.contract import compact
from agent.core.diagnosis import GROUPS, Diagnosis, Report, Verdict
from agent.core.remedies import Sentence, remedy

GROUP_WORDS = {
    "connect": ("Kết nối", "connection"),
    "display": ("Hình ảnh", "display"),
    "audio": ("Âm thanh", "sound"),
    "power": ("Nguồn và nút", "power"),
    "box": ("Hộp điều khiển", "box"),
}
STATE_WORDS: dict[Verdict, tuple[str, str, str]] = {
    "ok": ("tốt", "ok", "green"),
    "warning": ("lưu ý", "warning", "yellow"),
    "failed": ("lỗi", "failed", "red"),
}
LONGEST = 400  # what a device or a broker says of itself; a path with a sentence fits
WIDTH = max(len(f"{vietnamese} / {english}") for vietnamese, english, _ in STATE_WORDS.values())


def print_report(report: Report, as_json: bool) -> int:
    """Print all checks. Returns the exit code: 1 where one has failed."""
    click.echo(compact(document(report)) if as_json else "\n".join(lines(report)))
    return 1 if report.count("failed") else 0


def document(report: Report) -> dict[str, Any]:
    """One document for programs. ``advice`` has both languages; null where nothing is to be done."""
    return {
        "site": report.site,
        "user": report.user,
        "ok": report.count("ok"),
        "warning": report.count("warning"),
        "failed": report.count("failed"),
        "checks": list(map(_entry, report.checks)),
    }


def _entry(check: Diagnosis) -> dict[str, Any]:
    advice = _sentence(check)
    return {
        "name": check.name,
        "group": check.group,
        "required": check.required,
        "state": check.state,
        # The word alone; what stands behind it is in the advice.
        "reason": None if check.reason is None else check.reason.partition(": ")[0],
        "seen": check.seen,
        "advice": None if advice is None else {"vi": advice[0], "en": advice[1]},
    }


def lines(report: Report) -> list[str]:
    """For a terminal."""
    printed = []
    for group in GROUPS:
        of_group = [check for check in report.checks if check.group == group]
        if of_group:
            printed.append(click.style(" / ".join(GROUP_WORDS[group]), bold=True))
            printed += [line for check in of_group for line in _lines(check)]
    words = ((state, f"{vietnamese} / {english}") for state, (vietnamese, english, _) in STATE_WORDS.items())
    total = " · ".join(f"{word}: {report.count(state)}" for state, word in words)
    return [*printed, "", total]


def _lines(check: Diagnosis) -> list[str]:
    vietnamese, english, colour = STATE_WORDS[check.state]
    state = click.style(f"{vietnamese} / {english}".ljust(WIDTH), fg=colour)
    first, *more = check.seen.splitlines() or [""]
    # Of the built-in checks, which have a dot in their name, nobody chose whether they are required.
    optional = "" if check.required or "." in check.name else "  (không bắt buộc / optional)"
    printed = [f"  {state}  {check.name}{optional}  {_clean(first)}".rstrip()]
    printed += [f"      {_clean(line)}" for line in more]
    advice = _sentence(check)
    if advice is not None:
        printed += [f"      → {advice[0]}", f"        {advice[1]}"]
    return printed


def _sentence(check: Diagnosis) -> Sentence | None:
    """What to do; None where all is well, the bare reason where nobody knows."""
    return None if check.state == "ok" else remedy(check.kind, check.reason) or ("", check.reason or "")


def _clean(text: str) -> str:
    """Text from outside for a terminal: no control characters, bounded."""
    shown = "".join(letter if letter.isprintable() else "�" for letter in text)
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"
