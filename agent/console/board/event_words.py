"""What a site says beside an event of its history, as people read it: Vietnamese, and English beside it. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from agent.console import config_words
from agent.console.sites import plain
from agent.console.trouble import Words, pair
from agent.console.words import COMMAND_REASON, EVENT, POWER, REASON

LONGEST = 120
SHARE_MAX = 1e6  # a whole number may have 400 digits, and be no float
KIND: dict[str, Words] = {
    **EVENT,
    "power.changed": ("nguồn của phòng", "the room's power"),
    "button.pressed": ("nhấn nút", "the button was pressed"),
    "button.refused": ("nút không có tác dụng", "the button was refused"),
    "device.lost": ("mất thiết bị", "a device went"),
    "device.found": ("thấy lại thiết bị", "a device came"),
    "config.applied": ("đã nhận cấu hình mới", "a new config runs"),
    "config.rejected": ("từ chối cấu hình", "a config was rejected"),
    "config.rolled_back": ("quay lại cấu hình cũ", "went back to the old config"),
    "recount": ("người đếm lại", "counted by a person"),
}
CAUSE: dict[str, Words] = {
    "power": ("mất điện", "a power cut"),
    "upgrade": ("nâng cấp phần mềm", "an upgrade"),
    "stop": ("được dừng đúng cách", "it was stopped in order"),
    "watchdog": ("phần mềm bị treo", "it hung"),
    "crash": ("phần mềm bị lỗi", "it fell"),
}
WHY: dict[str, Words] = {
    "outbox_full": ("bộ nhớ chờ gửi đầy", "the outbox was full"),
    "disk_failed": ("thẻ nhớ hỏng", "the disk failed"),
}
GHOST: dict[str, Words] = {"ghost": ("nhiễu khi vừa bật tắt", "noise of the switching")}
LEVEL: dict[str, Words] = {"on": ("bật", "on"), "off": ("tắt", "off"), "unknown": ("chưa rõ", "unknown")}


def described(kind: str, detail: Mapping[str, Any]) -> Words:
    """One line for each language. What nobody has words for stands there as it came; an id says nobody anything."""
    fields = {**_FIELD, "count": _times} if kind == "button.refused" else _FIELD
    parts = [fields[name](value) if name in fields else _as_it_came(name, value) for name, value in detail.items()]
    vietnamese, english = (", ".join(filter(None, (part[side] for part in parts))) for side in (0, 1))
    return vietnamese, english


def _is(vietnamese: str, english: str) -> Callable[[Any], Words]:
    """A field in a sentence; nothing where it has no value."""

    def said(value: Any) -> Words:
        text = _text(value)
        return (vietnamese.format(text), english.format(text)) if text else ("", "")

    return said


def _word(*known: Mapping[str, Words]) -> Callable[[Any], Words]:
    """A word of the contract, and after a colon what belongs to it."""
    every = {word: words for each in reversed(known) for word, words in each.items()}

    def said(value: Any) -> Words:
        word, _, more = _text(value).partition(": ")
        vietnamese, english = pair(every, word)
        more = f" ({more})" if more else ""
        return vietnamese + more, (english or vietnamese) + more

    return said


def _loads(value: Any) -> Words:
    if not isinstance(value, dict):
        return _as_it_came("loads", value)
    said = [(plain(name), pair(LEVEL, _text(level))) for name, level in value.items()]
    vietnamese, english = (", ".join(f"{name} {words[side] or words[0]}" for name, words in said) for side in (0, 1))
    return vietnamese, english


def _share(value: Any) -> Words:
    if not isinstance(value, (int, float)) or abs(value) > SHARE_MAX:
        return "", ""
    share = f"{100 * value:.1f} %"
    return f"lệch {share.replace('.', ',')}", f"off by {share}"


def _some(vietnamese: str, english: str) -> Callable[[Any], Words]:
    """As ``_is``, and nothing for 0, which is no number of a row and no loss."""
    said = _is(vietnamese, english)
    return lambda value: said(value or None)


def _nothing(value: Any) -> Words:
    return "", ""


def _as_it_came(name: str, value: Any) -> Words:
    text = f"{plain(name)}: {_text(value)}"
    return text, text


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(filter(None, map(_text, value)))
    return "" if value is None else plain(str(value), LONGEST)


_times = _is("{} lần", "{} times")
_FIELD: dict[str, Callable[[Any], Words]] = {
    "people": _is("{} người", "{} people"),
    "value": _is("máy {}", "the machine {}"),
    "error": _share,
    "replaced": _is("thay cho {}", "instead of {}"),
    "state": _word(POWER),
    "step": _is("bước {}", "step {}"),
    "loads": _loads,
    "reason": _word(COMMAND_REASON, REASON, config_words.REASON, GHOST),
    "cause": _word(CAUSE),
    "why": _word(WHY),
    "who": _is("bởi {}", "by {}"),
    "check": _is("{}", "{}"),
    "what": _is("{}", "{}"),
    "from": _some("từ số {}", "from number {}"),
    "to": _some("đến số {}", "to number {}"),
    "count": _some("{} dòng", "{} rows"),
    "revision": _is("bản {}", "revision {}"),
    "changed": _is("đổi {}", "changed {}"),
    "errors": _is("{}", "{}"),
    "id": _nothing,
    "digest": _nothing,
}
