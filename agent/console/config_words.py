"""The words about configs that staff read: Vietnamese first, English beside it."""

OUTCOME = {
    "applied": ("đã áp dụng", "applied"),
    "unchanged": ("không có gì thay đổi", "unchanged"),
    "rejected": ("bị từ chối", "rejected"),
    "rolled_back": ("đã quay về cấu hình cũ", "rolled back"),
    "deferred": ("phải chờ", "has to wait"),
    "offline": ("không trực tuyến", "offline"),
    "not_permitted": ("máy chủ không cho phép", "not permitted"),
    "no_answer": ("không trả lời", "no answer"),
    "not_started": ("chưa gửi", "not started"),
}
OUTCOME_STYLE = {
    "applied": "green",
    "unchanged": "dim",
    "deferred": "yellow",
    "offline": "yellow",
    "not_started": "dim",
}
ANOTHER = (
    "có người vừa thay đổi điểm cầu này, hãy xem lại (diemcau config diff)",
    "somebody else has just changed this site: look at it again (diemcau config diff)",
)
REASON = {
    "stale_base": ANOTHER,
    "old_revision": ANOTHER,
    "invalid": ("cấu hình sai", "the config is wrong"),
    "malformed": ("điểm cầu không đọc được", "the site cannot read it"),
    "room_on": ("phòng đang bật, chờ phòng tắt", "the room is on: it waits until it is off"),
    "switching": ("phòng đang bật hoặc tắt", "the room is coming up or going down"),
    "trial": ("đang thử một cấu hình khác", "another config is on trial there"),
    "too_large": ("cấu hình quá lớn", "the config is too large for a message: leave out what is at its default"),
    "superseded": ("đã có cấu hình mới hơn", "a newer one has taken its place"),
    "withdrawn": ("đã bị rút lại", "withdrawn"),
    "not_confirmed": ("không được xác nhận kịp", "not confirmed in time"),
    "broker_lost": ("mất kết nối với máy chủ sau khi đổi", "it lost the broker with the new config"),
    "part_failed": ("có phần không chạy được", "a part does not work with it"),
    "checks_worse": ("có thiết bị kém hơn trước", "a required check is worse than before"),
    "not_stored": ("không ghi được vào thẻ nhớ", "the site's disk cannot be written"),
    "damaged": ("tệp cấu hình hỏng, đang chạy bản trước đó", "its file is damaged: one before it runs"),
    "safe_start": ("phần mềm hỏng liên tiếp, đang chạy ở chế độ an toàn", "it fell again and again: a safe start"),
    "restarted": ("hộp khởi động lại trong lúc thử", "the box was restarted during the trial"),
    "going_back": ("đang quay về cấu hình cũ", "on its way back to the config before"),
    "goes_back": ("sẽ tự quay về cấu hình cũ", "it goes back by itself to the config before"),
    "confirmed": ("đã xác nhận, chưa thấy báo xong", "confirmed, but it has not said that it is done"),
    "declined": ("người dùng không xác nhận", "not confirmed by you"),
    "time_over": ("hết thời gian chờ", "the time is over"),
    "interrupted": ("đã dừng theo yêu cầu", "stopped"),
    "tells_no_config": ("phiên bản không báo cấu hình", "its version does not tell its config"),
    "left_with_site": (
        "điểm cầu tự làm tiếp và tự quyết định; phòng đang bật thì chờ phòng tắt",
        "left with the site, which goes on and decides by itself; a room that is on, once it is off",
    ),
    "under_way": (
        "đang thử một thay đổi khác ở đó, hãy chờ xong",
        "another change is being tried there: wait for it",
    ),
    "left_at_broker": ("để sẵn trên máy chủ, điểm cầu sẽ nhận khi trở lại", "left at the broker until it comes back"),
    "wave_failed": ("dừng vì đợt trước có lỗi", "stopped: the wave before it failed"),
    "stopped": ("đã dừng", "stopped"),
    "lost": ("mất kết nối", "lost"),
    "no_such_site": ("không có điểm cầu nào tên này", "no such site is known"),
    "unknown": ("chưa rõ", "nothing is known of it"),
}
HOW = {
    "changed": ("đổi", "changed"),
    "added": ("thêm", "added"),
    "removed": ("bỏ", "removed"),
    "moved": ("đổi thứ tự", "moved"),
}
EVENT = {
    "config.applied": ("đã áp dụng", "applied"),
    "config.rejected": ("bị từ chối", "rejected"),
    "config.rolled_back": ("đã quay về cấu hình cũ", "rolled back"),
    "pushed": ("đã gửi, chưa rõ kết quả", "pushed, no result known"),
}


PHASE = {
    "sent": ("đã gửi, chờ điểm cầu trả lời", "sent, the site has not answered yet"),
    "deferred": ("điểm cầu chưa bắt đầu", "the site has not begun"),
    "trying": ("điểm cầu đang chạy thử", "on trial at the site"),
    "held": ("đang chạy thử, chưa được xác nhận", "on trial, not confirmed"),
    "confirmed": ("đã xác nhận, chờ điểm cầu báo xong", "confirmed, the site has not said that it is done"),
}


def reason_pair(reason: str | None) -> tuple[str, str]:
    """``reason_words`` for pages, which say which language is which: Vietnamese, English. Both empty for none."""
    from agent.console.sites import plain

    if not reason:
        return "", ""
    word, _, detail = plain(reason).partition(": ")
    vietnamese, english = REASON.get(word, (word, word))
    if not detail:
        return vietnamese, english
    more = reason_pair(detail) if detail.partition(": ")[0] in REASON else (detail, detail)
    return f"{vietnamese} ({more[0]})", f"{english} ({more[1]})"


def reason_words(reason: str | None) -> str:
    """A reason is a word and what belongs to it: ``part_failed: camera``. Empty for none."""
    from agent.console.sites import plain
    from agent.console.words import both

    if not reason:
        return ""
    word, _, detail = plain(reason).partition(": ")
    return both(REASON, word) + (f" ({reason_words(detail) if detail in REASON else detail})" if detail else "")
