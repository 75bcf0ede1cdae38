"""What central staff do about what is wrong at a site: Vietnamese first, English beside it."""

from agent.core.advice import SENTENCES

Words = tuple[str, str]

# The site sends one sentence in its own language; here are both.
IN_BOTH: dict[str, Words] = {sentence: pair for pair in SENTENCES.values() for sentence in pair}
RELAY: dict[str, Words] = {reason: pair for (kind, reason), pair in SENTENCES.items() if kind == "room.power"}

TELEPHONE = (
    "Gọi điện đến điểm cầu: kiểm tra nguồn và mạng của hộp.",
    "Telephone the site: the box's power and network are to be checked.",
)
THERE: dict[str, Words] = {
    "lost": TELEPHONE,
    "silent": TELEPHONE,
    "stopped": (
        "Dịch vụ trên hộp đã được dừng: gọi điện đến điểm cầu, cắm lại nguồn của hộp; vẫn vậy thì báo kỹ thuật.",
        "The box's service was stopped: telephone the site and have the box plugged in again, or tell a technician.",
    ),
    "unknown": (
        "Chưa từng nghe điểm cầu này: kiểm tra mã điểm cầu và hộp đã được lắp đặt chưa.",
        "This site has never been heard: check its id, and whether its box has been installed.",
    ),
}
# Not the sites' fault: nobody is to telephone three hundred of them.
DEAF: Words = (
    "Xem máy chủ MQTT và mạng của trung tâm; không cần gọi điểm cầu.",
    "Look at the MQTT broker and the centre's own network; no need to telephone the site.",
)
UNHEARD: Words = ("Chờ một phút rưỡi.", "Wait a minute and a half.")
FAULT: Words = (
    "Nhờ điểm cầu nhấn nút để thử lại, hoặc bật nguồn từ đây; vẫn lỗi thì gọi kỹ thuật.",
    "Have the site press the button to try again, or switch on from here; if it fails again, call a technician.",
)
EVENT: dict[str, Words] = {
    "site.duplicate": (
        "Tìm hộp thứ hai (thẻ nhớ sao chép, hộp cũ chưa tháo) và rút nguồn; rồi cấp lại chứng chỉ cho hộp đúng.",
        "Find the second box (a copied card, an old box still plugged in) and unplug it; then renew the right one's "
        "certificate.",
    ),
    "link.refused": (
        "Báo người quản lý máy chủ: kiểm tra quyền của điểm cầu này.",
        "Tell who looks after the broker: this site's rights are to be checked.",
    ),
    "outbox.gap": (
        "Không lấy lại được; ghi chú vào báo cáo, và kiểm tra thẻ nhớ của hộp.",
        "It cannot be had again: note it in the report, and have the box's card checked.",
    ),
    "device.suspicious": (
        "Nhờ điểm cầu rút thiết bị USB lạ ra và báo kỹ thuật.",
        "Have the site unplug the strange USB device, and tell a technician.",
    ),
    "agent.restarted": (
        "Theo dõi; nếu lặp lại thì báo kỹ thuật.",
        "Keep an eye on it; if it comes again, tell a technician.",
    ),
}
STALE: Words = (
    "Chờ một phút; vẫn cũ thì gọi điện hỏi số người.",
    "Wait a minute; if it stays old, telephone and ask for the number.",
)
ROWS_LOST: Words = EVENT["outbox.gap"]
ROWS_WAIT: Words = (
    "Kiểm tra chương trình ghi lịch sử (diemcau record) và đường truyền của điểm cầu.",
    "Check the recorder (diemcau record) and the site's line.",
)
NONSENSE: Words = (
    "Báo kỹ thuật: kiểm tra phiên bản phần mềm của hộp, và ai khác có chứng chỉ của điểm cầu này.",
    "Tell a technician: check the box's version, and whether somebody else has this site's certificate.",
)
CONFIG: Words = (
    "Xem lý do (diemcau config history), sửa cấu hình rồi gửi lại; điểm cầu vẫn chạy cấu hình cũ.",
    "See why (diemcau config history), correct the config and push it again; the site runs the one before.",
)
SWITCH_ON: Words = (
    "Bật nguồn từ đây, hoặc gọi điện nhờ điểm cầu nhấn nút.",
    "Switch it on from here, or telephone and have the button pressed.",
)
RECOUNT: Words = (
    "Gọi điện hỏi số người, và nhờ kiểm tra camera.",
    "Telephone and ask for the number, and have the camera looked at.",
)
MANY: Words = (
    "Trong phòng có người khác, hoặc đếm nhầm: gọi điện hỏi số người.",
    "Other people are in the room, or they are counted wrongly: telephone and ask for the number.",
)
DOUBTED: Words = (
    "Gọi điện hỏi lại số người; nếu máy sai thì báo kỹ thuật xem lại camera và vùng đếm.",
    "Telephone and ask once more; if the machine is wrong, have a technician look at the camera and its zones.",
)
CHECKS: Words = (
    "Chờ một phút, hoặc điểm danh thử.",
    "Wait a minute, or hold a drill.",
)


def event_advice(kind: str) -> Words:
    """What to do about an event of this kind."""
    return EVENT.get(kind, ("", ""))
