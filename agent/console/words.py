"""The words that staff read: Vietnamese first, English beside it. A word that is not here is shown as it came."""

POWER = {
    "off": ("tắt", "off"),
    "starting": ("đang bật", "starting"),
    "on": ("bật", "on"),
    "stopping": ("đang tắt", "stopping"),
    "fault": ("lỗi", "fault"),
}
PRESENCE = {
    "running": ("trực tuyến", "online"),
    "stopped": ("đã dừng", "stopped"),
    "lost": ("mất kết nối", "lost"),
    "unknown": ("chưa rõ", "unknown"),
}
REASON = {
    "room_off": ("phòng chưa bật", "room is off"),
    "no_camera": ("chưa cấu hình camera", "no camera configured"),
    "missing": ("không thấy thiết bị", "missing"),
    "busy": ("camera đang bận", "camera busy"),
    "flapping": ("camera chập chờn", "camera comes and goes"),
    "not_permitted": ("không có quyền mở camera", "camera not permitted"),
    "starting": ("đang khởi động", "starting"),
    "few_samples": ("mới bắt đầu đếm", "just begun"),
    "settling": ("đang ổn định, còn tìm thêm", "settling, still finding people"),
    "settings_changed": ("cấu hình đã đổi, đếm lại", "the config has changed, counting anew"),
    "camera_moved": ("camera đã xoay, đếm lại", "camera moved, counting anew"),
    "frame_size": ("khung hình khác cỡ", "another frame size"),
    "clock_backwards": ("thời gian chạy lùi", "time went backwards"),
    "too_many_faces": ("quá nhiều khuôn mặt (nhiễu)", "too many faces (noise)"),
    "no_model": ("thiếu mô hình nhận diện", "no face network"),
    "model_refused": ("mô hình bị từ chối", "face network refused"),
    "no_frames": ("camera không gửi hình", "no frames"),
    "no_opencv": ("thiếu thư viện OpenCV", "OpenCV does not start"),
    "unreadable": ("không đọc được tệp", "a file cannot be read"),
    "eye_ended": ("bộ đếm bị dừng", "counting stopped"),
    "eye_silent": ("bộ đếm bị treo", "counting hangs"),
    "dark": ("tối hoặc bị che", "dark or covered"),
    "frozen": ("hình đứng yên", "picture frozen"),
    "bad_frame": ("hình hỏng", "bad frame"),
    "stopped": ("máy trạm đã dừng", "agent stopped"),
}
REASON |= {
    "unreachable": ("không trả lời", "unreachable"),
    "refused": ("bị từ chối", "refused"),
    "timeout": ("không trả lời kịp", "no answer in time"),
    "name_unknown": ("không tìm thấy tên", "name not known"),
    "muted": ("bị tắt tiếng", "muted"),
    "flapping": ("chập chờn", "comes and goes"),
}
REASON |= {
    "no_answer": ("không trả lời", "no answer"),
    "not_stored": ("không ghi được vào thẻ nhớ", "the disk cannot be written"),
    "read_only": ("thẻ nhớ chỉ đọc", "the disk is read-only"),
    "disk_full": ("thẻ nhớ đầy", "the disk is full"),
    "disk_low": ("thẻ nhớ sắp đầy", "the disk is nearly full"),
    "memory_low": ("sắp hết bộ nhớ", "little memory left"),
    "hot": ("quá nóng", "too hot"),
    "undervoltage": ("nguồn yếu", "undervoltage"),
    "clock_unsynced": ("đồng hồ chưa đồng bộ", "clock not synchronised"),
    "no_room": ("chưa có cấu hình phòng", "no room config"),
    "files_broken": ("tệp cấu hình phòng hỏng", "the room's config is broken"),
    "crash_loop": ("phần mềm hỏng liên tiếp, chế độ an toàn", "the agent fell again and again: safe start"),
    "also_a_keyboard": ("thiết bị còn là bàn phím", "it is a keyboard too"),
    "expired": ("chứng chỉ hết hạn", "certificate expired"),
    "failed": ("hỏng", "failed"),
}
# Events that no live topic tells; the others have their own place in the table.
EVENT = {
    "site.duplicate": ("hai hộp dùng chung mã này", "two boxes claim this site"),
    "link.refused": ("máy chủ không nhận một phần báo cáo", "the broker refuses a report"),
    "outbox.gap": ("mất một phần lịch sử", "a part of the history is gone"),
    "device.suspicious": ("thiết bị lạ", "a suspicious device"),
    "agent.restarted": ("hộp vừa khởi động lại", "the agent was restarted"),
}
COMMAND_REASON = {
    "retained": ("lệnh được lưu lại trên máy chủ", "a stored command is never carried out"),
    "expired": ("lệnh đến quá muộn, kiểm tra đồng hồ máy này", "too late on arrival, check this machine's clock"),
    "issued_in_future": ("đồng hồ máy này chạy nhanh", "this machine's clock is ahead"),
    "clock_unsynced": ("đồng hồ điểm cầu chưa đồng bộ", "the site's clock is not synchronised"),
    "malformed": ("lệnh sai dạng", "malformed"),
    "unknown_action": ("điểm cầu không biết lệnh này", "the site does not know this command"),
    "not_supported": ("phiên bản này chưa hỗ trợ", "not supported by this version"),
    "not_for_all": ("không dùng cho mọi điểm cầu", "not for all sites at once"),
    "too_many": ("quá nhiều lệnh, chờ một phút rồi thử lại", "too many commands, try again in a minute"),
    "locked": ("đang họp, phòng đã khoá", "a conference is live"),
    "stopping": ("phòng đang tắt, thử lại sau", "the room is going down, try again when it is off"),
    "starting": ("phòng đang bật", "the room is coming up"),
    "fault": ("phòng đang lỗi", "the room has a fault"),
    "unknown_load": ("không có thiết bị tên này", "there is no load of that name"),
    "min_off": ("thiết bị phải nghỉ thêm", "the load has to stay off for longer"),
    "too_soon": (
        "vừa bật tắt xong, chờ một giây rồi thử lại",
        "something was switched just now, wait a second",
    ),
    "superseded": ("có lệnh ngược lại sau đó", "somebody wanted the contrary meanwhile"),
    "interrupted": ("hộp điều khiển khởi động lại giữa chừng", "the box was restarted meanwhile"),
    "relay_failed": ("rơ-le không đóng cắt được", "the relay could not be driven"),
    "unknown_level": ("không đọc được mức của rơ-le", "the line of the relay cannot be read"),
    "level_changed": ("rơ-le tự đổi trạng thái", "the relay changed by itself"),
    "not_proven": ("thiết bị không phản hồi kịp", "the load did not prove itself in time"),
    "files_broken": ("tệp cấu hình phòng hỏng hoặc không có", "the room's config file is broken or missing"),
    "not_stored": ("không ghi được vào thẻ nhớ", "the site's disk cannot be written"),
}
VERDICT = {
    "go": ("sẵn sàng", "go"),
    "no-go": ("chưa sẵn sàng", "no-go"),
    "unknown": ("chưa rõ", "unknown"),
}
SILENCE = {
    "no_answer": ("không trả lời kịp, lệnh đã hết hạn", "no answer in time, the command has expired"),
    "not_finished": ("đã nhận lệnh nhưng chưa xong", "accepted, but not finished yet: see `diemcau watch`"),
    "nobody_listens": ("không có điểm cầu nào nhận lệnh", "no such site is connected, check the id"),
    "not_permitted": ("máy chủ không cho phép gửi lệnh", "the broker does not permit this command"),
    "broker_lost": (
        "mất máy chủ giữa chừng: kiểm tra máy chủ rồi hỏi lại",
        "the broker went away meanwhile: look at it, then ask again",
    ),
}


def both(words: dict[str, tuple[str, str]], word: str) -> str:
    """``bật / on``."""
    vietnamese, english = words.get(word, (word, ""))
    return f"{vietnamese} / {english}" if english else vietnamese
