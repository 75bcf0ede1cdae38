"""What to do about a check that is not ok, in one sentence for whoever stands in the room: Vietnamese and English.

In the order of the handbook for a commune's room: connection, display, sound, then the box. A reason that is not here
has no advice, and the reason is shown as it is.
"""

from typing import Literal

Language = Literal["vi", "en"]

# (kind, reason), or ("", reason) for any kind.
SENTENCES: dict[tuple[str, str], tuple[str, str]] = {
    ("room.power", "room_off"): ("Nhấn nút để bật phòng.", "Press the button to bring the room up."),
    ("room.power", "starting"): ("Chờ phòng bật xong.", "Wait until the room is up."),
    ("camera.picture", "starting"): ("Chờ camera khởi động.", "Wait until the camera has started."),
    ("camera.counting", "starting"): ("Chờ bộ đếm khởi động.", "Wait until counting has started."),
    ("room.power", "load_off"): (
        "Một thiết bị đang được tắt riêng: giữ nút để tắt phòng rồi bật lại, hoặc gọi trung tâm.",
        "One load was switched off by itself: hold the button, then press it again, or call the centre.",
    ),
    ("room.power", "not_proven"): (
        "Thiết bị không phản hồi: kiểm tra nguồn và dây của thiết bị, rồi nhấn nút để thử lại.",
        "A load does not answer: check its power and its cable, then press the button to try again.",
    ),
    ("room.power", "relay_failed"): (
        "Rơ-le không đóng cắt được: nhấn nút để thử lại; nếu vẫn lỗi thì gọi kỹ thuật.",
        "A relay could not be driven: press the button to try again; if it fails again, call a technician.",
    ),
    ("room.power", "unknown_level"): (
        "Không đọc được rơ-le: gọi kỹ thuật kiểm tra dây GPIO.",
        "A relay's line cannot be read: call a technician to check the GPIO wiring.",
    ),
    ("room.power", "level_changed"): (
        "Rơ-le tự đổi trạng thái: nhấn nút để bật lại, rồi gọi kỹ thuật.",
        "A relay changed by itself: press the button to bring it back, then call a technician.",
    ),
    ("room.power", "interrupted"): (
        "Lần bật hoặc tắt trước bị dở dang: nhấn nút để bật tiếp, giữ nút để tắt.",
        "An earlier start or stop was cut short: press the button to go on, hold it to switch off.",
    ),
    ("", "room_off"): ("Bật phòng rồi kiểm tra lại.", "Bring the room up, then look again."),
    ("usb-camera", "no_frames"): (
        "Camera có cắm nhưng không cho hình: rút cáp USB và nguồn camera rồi cắm lại; vẫn vậy thì báo kỹ thuật.",
        "The camera is there but gives no picture: plug its USB cable and power in again, or tell a technician.",
    ),
    ("usb-camera", "missing"): (
        "Không thấy camera: kiểm tra cáp USB và nguồn của camera, cắm lại vào đúng cổng.",
        "The camera is not there: check its USB cable and power, plug it into the same port again.",
    ),
    ("usb-microphone", "missing"): (
        "Không thấy micro: kiểm tra cáp USB và nguồn của micro hoặc bàn trộn.",
        "The microphone is not there: check the USB cable and the power of microphone or mixer.",
    ),
    ("usb-microphone", "muted"): (
        "Micro đang bị tắt tiếng: bật công tắc trên micro hoặc mở tiếng trong bàn trộn.",
        "The microphone is muted: switch it on, or raise it on the mixer.",
    ),
    ("", "also_a_keyboard"): (
        "Thiết bị này vừa là camera hoặc micro vừa là bàn phím: rút ra và báo kỹ thuật.",
        "This device is also a keyboard: unplug it and tell a technician.",
    ),
    ("", "unreachable"): (
        "Không có đường tới mạng của thiết bị: kiểm tra dây mạng của hộp, bộ chia mạng và đường truyền.",
        "There is no way to the device's network: check the box's cable, the switch and the line.",
    ),
    ("", "refused"): (
        "Thiết bị từ chối kết nối: chờ thiết bị khởi động xong, hoặc kiểm tra số cổng trong cấu hình.",
        "The device is there and refuses: wait until it has started, or check the port in the config.",
    ),
    ("", "timeout"): (
        "Thiết bị không trả lời qua mạng: kiểm tra nguồn, dây mạng và bộ chia mạng.",
        "The device does not answer on the network: check its power, its cable and the switch.",
    ),
    ("", "name_unknown"): (
        "Không tìm thấy tên này trong mạng: kiểm tra đường truyền và máy chủ DNS, hoặc dùng địa chỉ số.",
        "This name is not known on the network: check the line and the DNS server, or use a numeric address.",
    ),
    ("ping", "not_permitted"): (
        "Hộp không được phép ping: gọi kỹ thuật (net.ipv4.ping_group_range).",
        "The box may not ping: call a technician (net.ipv4.ping_group_range).",
    ),
    ("", "no_answer"): ("Chờ kết quả kiểm tra kế tiếp.", "Wait for the next look."),
    ("camera.picture", "dark"): (
        "Hình tối: mở nắp camera, bật đèn hội trường.",
        "The picture is dark: uncover the camera, switch the lights on.",
    ),
    ("camera.picture", "frozen"): (
        "Hình đứng yên: rút cáp camera ra, chờ 5 giây rồi cắm lại.",
        "The picture is frozen: unplug the camera, wait five seconds, plug it in again.",
    ),
    ("camera.picture", "no_frames"): (
        "Camera không gửi hình: rút ra rồi cắm lại, kiểm tra nguồn camera.",
        "The camera sends no picture: unplug it and plug it in again, check its power.",
    ),
    ("camera.picture", "bad_frame"): (
        "Hình bị hỏng: thay cáp USB hoặc cắm vào cổng khác.",
        "The pictures are damaged: change the USB cable or the port.",
    ),
    ("", "busy"): (
        "Chương trình khác đang dùng camera: không cần làm gì nếu đang họp bằng camera này.",
        "Another program uses the camera: nothing to do if the conference runs on this camera.",
    ),
    ("camera.picture", "fallback"): (
        "Đang đếm bằng camera dự phòng: kiểm tra camera chính nếu nó không được dùng để họp.",
        "Counting with the spare camera: look at the main one, unless the conference uses it.",
    ),
    ("camera.picture", "not_permitted"): (
        "Hộp không được phép mở camera: gọi kỹ thuật (nhóm video).",
        "The box may not open the camera: call a technician (group video).",
    ),
    ("camera.picture", "too_many_faces"): (
        "Hình quá nhiễu: kiểm tra ống kính và ánh sáng.",
        "The picture is too noisy: check lens and light.",
    ),
    ("camera.counting", "no_model"): (
        "Thiếu mô hình nhận diện khuôn mặt: gọi kỹ thuật cài lại.",
        "The face network is missing: call a technician to install it.",
    ),
    ("camera.counting", "model_refused"): (
        "Mô hình nhận diện bị hỏng hoặc lạ: gọi kỹ thuật cài lại.",
        "The face network is damaged or unknown: call a technician to install it again.",
    ),
    ("camera.counting", "unreadable"): (
        "Không đọc được tệp cần cho việc đếm: gọi kỹ thuật.",
        "A file that counting needs cannot be read: call a technician.",
    ),
    ("camera.counting", "no_opencv"): (
        "Thiếu thư viện OpenCV: gọi kỹ thuật cài lại.",
        "OpenCV does not start: call a technician to install it again.",
    ),
    ("camera.counting", "eye_ended"): (
        "Bộ đếm bị dừng và tự chạy lại: chờ một phút.",
        "Counting stopped and starts again by itself: wait a minute.",
    ),
    ("camera.counting", "eye_silent"): (
        "Bộ đếm bị treo và tự chạy lại: chờ một phút; nếu còn treo thì rút camera ra cắm lại.",
        "Counting hung and starts again by itself: wait a minute; then unplug the camera and plug it in again.",
    ),
    ("box.certificate", "expires_soon"): (
        "Chứng chỉ của hộp hết hạn trong 30 ngày: báo trung tâm gia hạn.",
        "This box's certificate ends within 30 days: tell the centre to renew it.",
    ),
    ("box.certificate", "expires_within_week"): (
        "Chứng chỉ của hộp hết hạn trong tuần này: báo trung tâm gia hạn ngay.",
        "This box's certificate ends within the week: tell the centre to renew it now.",
    ),
    ("box.certificate", "expires_within_day"): (
        "Chứng chỉ của hộp hết hạn trong 24 giờ: gọi trung tâm gia hạn ngay.",
        "This box's certificate ends within 24 hours: call the centre to renew it at once.",
    ),
    ("box.certificate", "expired"): (
        "Chứng chỉ của hộp đã hết hạn, hộp sẽ không nối lại được: gọi trung tâm gia hạn.",
        "This box's certificate has expired, so it cannot connect again: call the centre to renew it.",
    ),
    ("box.clock", "clock_unsynced"): (
        "Đồng hồ chưa đồng bộ: kiểm tra đường truyền và máy chủ giờ (NTP).",
        "The clock is not synchronised: check the line and the time server (NTP).",
    ),
    ("box.files", "crash_loop"): (
        "Phần mềm hỏng liên tiếp, đang chạy ở chế độ an toàn: báo kỹ thuật gửi cấu hình khác hoặc khởi động lại.",
        "The agent fell again and again and runs in safety: have a technician push another config, or restart it.",
    ),
    ("box.files", "files_broken"): (
        "Tệp cấu hình trên hộp bị hỏng hoặc không có: gọi kỹ thuật, xem nhật ký.",
        "A file of the box is broken or missing: call a technician; the journal names it.",
    ),
    ("box.files", "no_room"): (
        "Hộp chưa có cấu hình phòng, hoặc nó trống, nên không bật và không kiểm tra gì: báo kỹ thuật.",
        "This box has no room config, or an empty one, so it switches and checks nothing: tell a technician.",
    ),
    ("box.disk", "read_only"): (
        "Thẻ nhớ chỉ đọc được: gọi kỹ thuật thay thẻ.",
        "The card can only be read: call a technician to replace it.",
    ),
    ("box.disk", "not_stored"): (
        "Hộp không ghi lại được trạng thái: gọi kỹ thuật xem thẻ nhớ, thư mục và nhật ký.",
        "The box cannot write down how the room stands: call a technician to look at card, folder and journal.",
    ),
    ("box.disk", "disk_full"): ("Thẻ nhớ đã đầy: gọi kỹ thuật.", "The card is full: call a technician."),
    ("box.disk", "disk_low"): ("Thẻ nhớ sắp đầy: báo kỹ thuật.", "The card is nearly full: tell a technician."),
    ("box.temperature", "hot"): (
        "Hộp quá nóng: để hộp ở chỗ thoáng, không che lỗ thông hơi.",
        "The box is too hot: give it air, do not cover it.",
    ),
    ("box.supply", "undervoltage"): (
        "Nguồn yếu: thay bộ nguồn và cáp đúng loại cho hộp.",
        "The supply is too weak: use the right supply and cable for the box.",
    ),
    ("box.supply", "throttled"): (
        "Hộp đang chạy chậm lại vì nóng hoặc nguồn yếu: kiểm tra nguồn và chỗ đặt hộp.",
        "The box runs slower, for heat or a weak supply: check the supply and where the box stands.",
    ),
    ("box.memory", "memory_low"): (
        "Hộp sắp hết bộ nhớ: báo kỹ thuật.",
        "The box is short of memory: tell a technician.",
    ),
    ("box.usb", "also_a_keyboard"): (
        "Một camera hoặc micro không có trong cấu hình lại vừa là bàn phím: rút ra và báo kỹ thuật.",
        "A camera or microphone that the config does not know is also a keyboard: unplug it and tell a technician.",
    ),
    ("", "flapping"): (
        "Chập chờn, lúc được lúc mất: kiểm tra cáp và đầu cắm.",
        "It comes and goes: check the cable and the plugs.",
    ),
}


def advice(kind: str, reason: str | None, language: Language) -> str | None:
    """The sentence for a check of this kind with this reason, or None."""
    found = SENTENCES.get((kind, reason or "")) or SENTENCES.get(("", reason or ""))
    return None if found is None else found[0 if language == "vi" else 1]
