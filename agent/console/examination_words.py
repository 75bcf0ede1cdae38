"""What ``diemcau doctor`` says about a finding: the core's sentence, and before it how urgent it is."""

from agent.core.diagnosis import Diagnosis
from agent.core.remedies import Sentence, remedy

# A reason may have a detail behind it, here the whole days that are left: ``expires_within_week: 6``.
EXPIRY: dict[str, Sentence] = {
    "expires_soon": ("Còn {days} ngày.", "Days left: {days}."),
    "expires_within_week": (
        "Chỉ còn {days} ngày, phải làm ngay trong tuần này.",
        "Days left: only {days}; this has to be done within the week.",
    ),
    "expires_within_day": (
        "Hết hạn trong vòng 24 giờ (còn {days} ngày), phải làm ngay bây giờ.",
        "It ends within 24 hours (days left: {days}); this has to be done now.",
    ),
}
STATE_FOLDER: dict[str, Sentence] = {
    "no_state": (
        "Chưa có thư mục này; dịch vụ sẽ tạo khi chạy lần đầu. Nếu hộp đã từng chạy thì kiểm tra --state và thẻ nhớ.",
        "This folder is not there; the agent makes it at its first start. If it has run before, check --state and the"
        " card.",
    ),
    "not_makeable": (
        "Chưa có thư mục này và dịch vụ không tạo được ở đó: sudo install -d -o diemcau -g diemcau thư mục đó.",
        "This folder is not there, and the service may not make it: sudo install -d -o diemcau -g diemcau it.",
    ),
}


def word_of(check: Diagnosis) -> str | None:
    """The reason for programs: the word alone."""
    return None if check.reason is None else check.reason.partition(": ")[0]


def sentence(check: Diagnosis) -> Sentence | None:
    """What to do, in Vietnamese and in English; None where all is well."""
    if check.state == "ok":
        return None
    word, _, days = (check.reason or "").partition(": ")
    if word in EXPIRY:
        # Which certificate, and who renews it, the core has in the sentence for the first of the three warnings.
        todo = remedy(check.kind, "expires_soon") or ("", "")
        vietnamese, english = (
            f"{urgent.format(days=days)} {what}" for urgent, what in zip(EXPIRY[word], todo, strict=True)
        )
        return vietnamese.rstrip(), english.rstrip()
    if check.kind == "box.state" and word in STATE_FOLDER:
        return STATE_FOLDER[word]
    return remedy(check.kind, check.reason) or ("", check.reason or "")
