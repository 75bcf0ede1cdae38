"""The report's words, Vietnamese first, English beside; those of the live table are taken from there."""

from collections.abc import Mapping
from typing import Any

from agent.console import config_words
from agent.console.words import COMMAND_REASON, EVENT, REASON

Words = tuple[str, str]

UNKNOWN: dict[str, Words] = {
    **REASON,
    "site_lost": ("mất kết nối, chưa có số liệu", "site lost, no rows have come"),
    "site_stopped": ("máy trạm đã dừng", "the agent was stopped"),
    "power_fault": ("lỗi nguồn, không có số liệu", "power fault, no rows"),
    "no_rows": ("không có số liệu", "no rows, nobody knows why"),
    "unknown": ("không rõ lý do", "no reason was given"),
}
INCIDENT: dict[str, Words] = {
    **EVENT,
    "power.fault": ("lỗi khi bật hoặc tắt phòng", "power fault"),
    "device.away": ("mất thiết bị", "a device was gone"),
    "site.lost": ("mất kết nối với điểm cầu", "the site was lost"),
    "site.stopped": ("máy trạm dừng", "the agent was stopped"),
    "site.no_data": ("không nhận được số liệu nào", "the site sent nothing"),
    "count.unknown": ("không đếm được", "no count"),
    "config.rolled_back": ("cấu hình mới bị bỏ, quay về cấu hình cũ", "a new config was rolled back"),
    "config.rejected": ("cấu hình mới bị từ chối", "a new config was rejected"),
}
SEVERITY: dict[str, Words] = {
    "fault": ("sự cố", "fault"),
    "warning": ("cảnh báo", "warning"),
    "info": ("thông tin", "note"),
}
CAUSE: dict[str, Words] = {
    "power": ("mất điện", "power cut"),
    "crash": ("phần mềm hỏng", "it crashed"),
    "watchdog": ("phần mềm treo", "it hung"),
}
TROUBLE_WORD: dict[str, Words] = {
    "fault": ("sự cố", "fault"),
    "unknown": ("chưa rõ", "unknown"),
    "not_held": ("chưa họp", "not held"),
}
PRESENT: Words = (
    "Có mặt của một điểm cầu là số người lớn nhất mà kết quả đếm đạt được trong ít nhất một nửa thời gian có số "
    "liệu, tính từ giờ bắt đầu đến giờ kết thúc. Điểm cầu có số liệu dưới một nửa thời gian họp thì ghi là chưa rõ. "
    "Đây là số đầu người, không phải danh tính: người ra khi người khác vào thì không phân biệt được.",
    "Present at a site is the largest number of people that the count reached for at least half of the time for "
    "which a count is known, from the start to the end. A site whose count is known for less than half of the "
    "conference is unknown. It is a count of heads, not of persons: one who leaves while another comes is not seen.",
)
MEAN: Words = (
    "Tỷ lệ tham dự trung bình là trung bình cộng tỷ lệ của các điểm cầu có số liệu; tỷ lệ chung là tổng có mặt chia "
    "tổng triệu tập của các điểm cầu đó. Khoảng trong ngoặc: nếu điểm cầu chưa rõ không có ai, và nếu có đủ người.",
    "The average attendance is the mean of the rates of the sites that are known; the weighted one is all present "
    "by all summoned of these. The range: if nobody was at the sites that are not known, and if everybody was.",
)
MOMENT: Words = (
    "Đầu giờ, cuối giờ và điểm danh: số đếm lúc đó; nếu lúc đó chưa rõ thì lấy số đầu tiên trong 5 phút sau (cuối "
    "giờ: số cuối cùng trong 5 phút trước), kèm giờ đếm. Cao nhất: giá trị cao nhất của một khoảng đếm.",
    "Begin, end and roll-call: the count at that moment; where it was not known, the first within 5 minutes after "
    "it (at the end the last within 5 minutes before), with its time. Peak: the highest value of a window.",
)
MACHINE: Words = (
    "Máy đếm và người đếm: chỉ tính những lần đếm lại từ giờ bắt đầu đến giờ kết thúc của hội nghị này. Người đến: "
    "tính từ 30 phút trước giờ bắt đầu; số đã giảm lại trước giờ bắt đầu thì không tính.",
    "Machine against people: only recounts between this conference's start and end count. When people came is looked "
    "for from 30 minutes before the start on; what was lost again before the start does not count.",
)
TROUBLE: Words = (
    "Điểm cầu hoạt động không có sự cố: từ giờ bắt đầu đến giờ kết thúc không có sự cố nào và thời gian chưa rõ "
    "dưới 10 %. Là sự cố: lỗi nguồn, hai hộp cùng mã, cấu hình bị quay về, máy chủ không nhận báo cáo; mất kết nối "
    "hoặc mất thiết bị từ 5 phút trở lên. Camera tối, bị che hoặc hình đứng yên từ 10 giây là cảnh báo; giờ ghi là giờ "
    "của khoảng đếm có lúc đó.",
    "A site ran without trouble: no fault between start and end, and less than 10 % of the time unknown. Faults: "
    "power, two boxes of one identity, a config rolled back, a report refused by the broker; a site lost or a "
    "device gone for 5 minutes or more. A picture that was dark, covered or frozen for 10 s or more is a warning; its "
    "times are those of the windows that it was in.",
)


def words(table: dict[str, Words], word: str) -> Words:
    """A word that is not there is shown as it came."""
    return table.get(word, (word, ""))


def why_troubled(site: Mapping[str, Any]) -> Words:
    """Why a site of the document did not run without trouble, in a word; nothing where it did."""
    if site["trouble"] is None:
        return "", ""
    vietnamese, english = TROUBLE_WORD[site["trouble"]]
    share = f" {100 * site['unknown_s'] / site['lasts_s']:.0f} %" if site["trouble"] == "unknown" else ""
    return vietnamese + share, english + share


def reason(word: str) -> Words:
    """A reason, of whatever kind; what belongs to it comes after a colon: ``not_proven: codec``."""
    head, _, rest = word.partition(":")
    for table in (UNKNOWN, COMMAND_REASON, config_words.REASON, CAUSE):
        if head in table:
            vietnamese, english = table[head]
            return (f"{vietnamese} ({rest.strip()})", f"{english} ({rest.strip()})") if rest else (vietnamese, english)
    return word, ""
