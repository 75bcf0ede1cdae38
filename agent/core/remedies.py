"""What to do about what ``diemcau doctor`` finds, for a technician: Vietnamese and English, one sentence each.

What site staff can do themselves stands in ``core/advice.py`` and is used first where it fits.
"""

from agent.core.advice import advice

Sentence = tuple[str, str]

# (kind, reason), or ("", reason) for any kind.
SENTENCES: dict[tuple[str, str], Sentence] = {
    ("broker.port", "refused"): (
        "Máy chủ từ chối kết nối: khởi động mosquitto ở đó, hoặc sửa địa chỉ và cổng trong agent.toml.",
        "The broker refuses connections: start it, or correct address and port in agent.toml.",
    ),
    ("broker.port", "unreachable"): (
        "Không tới được máy chủ: kiểm tra dây mạng, đường truyền và tường lửa, rồi địa chỉ trong agent.toml.",
        "The broker cannot be reached: check cable, line and firewall, then the address in agent.toml.",
    ),
    ("broker.tls", "no_tls"): (
        "Cổng này không nói TLS: sửa cổng trong agent.toml (thường là 8883); mạng bắt đăng nhập thì đăng nhập trước.",
        "This port does not speak TLS: correct it in agent.toml (8883 as a rule); pass the network's login first.",
    ),
    ("broker.tls", "tls_silent"): (
        "Máy chủ nhận kết nối nhưng không trả lời: kiểm tra tường lửa và cổng trong agent.toml.",
        "The broker takes the connection but says nothing: check the firewall, and the port in agent.toml.",
    ),
    ("broker.tls", "server_unknown"): (
        "Chứng chỉ của máy chủ không do tệp ca ký: lấy đúng tệp ca của trung tâm. Đừng bỏ qua bước này.",
        "The ca file does not vouch for the broker: get the centre's own ca file. Do not work around this.",
    ),
    ("broker.tls", "server_expired"): (
        "Chứng chỉ của máy chủ đã hết hạn: báo trung tâm gia hạn; nếu đồng hồ hộp sai thì sửa đồng hồ trước.",
        "The broker's certificate has expired: tell the centre to renew it; correct a wrong clock here first.",
    ),
    ("broker.tls", "server_not_yet_valid"): (
        "Chứng chỉ của máy chủ chưa có hiệu lực: thường là đồng hồ của hộp sai, kiểm tra box.clock.",
        "The broker's certificate is not valid yet: as a rule this box's clock is wrong, see box.clock.",
    ),
    ("broker.tls", "server_name"): (
        "Chứng chỉ của máy chủ mang tên khác: dùng đúng tên trong chứng chỉ làm địa chỉ trong agent.toml.",
        "The broker's certificate is for another name: use the name in it as the address in agent.toml.",
    ),
    ("broker.tls", "expires_soon"): (
        "Chứng chỉ của máy chủ sắp hết hạn: báo trung tâm gia hạn.",
        "The broker's certificate expires soon: tell the centre to renew it.",
    ),
    ("broker.tls", "tls_failed"): (
        "Không bắt tay TLS được với máy chủ: gửi dòng này cho trung tâm.",
        "There is no TLS with the broker: send this line to the centre.",
    ),
    ("broker.ca", "expires_soon"): (
        "Chứng chỉ CA sắp hết hạn: xin trung tâm tệp ca mới.",
        "The ca certificate expires soon: ask the centre for a new ca file.",
    ),
    ("broker.ca", "expired"): (
        "Chứng chỉ CA đã hết hạn: xin trung tâm tệp ca mới; nếu đồng hồ hộp sai thì sửa đồng hồ trước.",
        "The ca certificate has expired: ask the centre for a new ca file; correct the clock first if it is wrong.",
    ),
    ("broker.certificate", "client_refused"): (
        "Máy chủ không nhận chứng chỉ của hộp: xin trung tâm cấp lại cho điểm cầu này.",
        "The broker does not take this box's certificate: ask the centre to issue one for this site.",
    ),
    ("broker.certificate", "certificate_wanted"): (
        "Máy chủ đòi chứng chỉ mà agent.toml không có: thêm certificate và key.",
        "The broker wants a certificate and agent.toml names none: add certificate and key.",
    ),
    ("broker.certificate", "closed"): (
        "Máy chủ đóng kết nối ngay: xem nhật ký của máy chủ tại trung tâm.",
        "The broker closes the connection at once: look into its log at the centre.",
    ),
    ("broker.certificate", "no_credentials"): (
        "agent.toml không có chứng chỉ lẫn mật khẩu: thêm certificate và key nếu máy chủ đòi.",
        "agent.toml names neither certificate nor password: add certificate and key unless the broker wants none.",
    ),
    ("broker.certificate", "other_site"): (
        "Chứng chỉ cấp cho điểm cầu khác: lấy đúng tệp của điểm cầu này, hoặc sửa site trong agent.toml.",
        "The certificate is for another site: get this site's own, or correct site in agent.toml.",
    ),
    ("broker.certificate", "not_for_clients"): (
        "Chứng chỉ này không dùng cho máy trạm được: xin trung tâm cấp lại.",
        "This certificate is not made for a client: ask the centre to issue another one.",
    ),
    ("broker.certificate", "key_differs"): (
        "Chứng chỉ và khoá không thuộc về nhau: chép lại cả hai tệp cùng một lần cấp.",
        "Certificate and key do not belong together: copy both files of one issue again.",
    ),
    ("broker.certificate", "key_encrypted"): (
        "Khoá có mật khẩu mà dịch vụ không nhập được: xin trung tâm khoá không có mật khẩu.",
        "The key has a passphrase, which a service cannot type: ask the centre for one without.",
    ),
    ("broker.certificate", "key_open"): (
        "Ai trên hộp cũng đọc được khoá: chạy chmod 600 cho tệp đó.",
        "Everybody on this box can read the key: chmod 600 that file.",
    ),
    ("broker.password", "key_open"): (
        "Ai trên hộp cũng đọc được mật khẩu: chạy chmod 600 cho tệp đó.",
        "Everybody on this box can read the password: chmod 600 that file.",
    ),
    ("broker.password", "empty"): (
        "Tệp mật khẩu trống: chép lại mật khẩu của điểm cầu này.",
        "The password file is empty: put this site's password into it.",
    ),
    ("", "expires_soon"): (
        "Chứng chỉ của hộp sắp hết hạn: xin trung tâm gia hạn (diemcau site renew).",
        "This box's certificate expires soon: ask the centre to renew it (diemcau site renew).",
    ),
    ("", "expired"): (
        "Chứng chỉ của hộp đã hết hạn: xin trung tâm gia hạn (diemcau site renew).",
        "This box's certificate has expired: ask the centre to renew it (diemcau site renew).",
    ),
    ("", "not_yet_valid"): (
        "Chứng chỉ chưa có hiệu lực: thường là đồng hồ của hộp sai, kiểm tra box.clock.",
        "This certificate is not valid yet: as a rule this box's clock is wrong, see box.clock.",
    ),
    ("", "no_file"): (
        "Không có tệp này: chép vào đúng chỗ, hoặc sửa đường dẫn trong agent.toml.",
        "This file is not there: put it there, or correct the path in agent.toml.",
    ),
    ("", "not_pem"): (
        "Tệp này không phải chứng chỉ PEM: chép lại tệp mà trung tâm đã gửi.",
        "This file is no PEM certificate: copy the file that the centre sent once more.",
    ),
    ("", "not_readable"): (
        "Người dùng của dịch vụ không đọc được tệp này: chown root:diemcau và chmod 640 tệp đó, kiểm tra cả thư mục.",
        "The service's user may not read this file: chown root:diemcau and chmod 640 it, and look at its folder too.",
    ),
    ("", "hidden"): (
        "Dịch vụ không thấy /home, /root và /tmp: chuyển tệp vào /etc/diemcau rồi sửa đường dẫn.",
        "The service does not see /home, /root and /tmp: move the file to /etc/diemcau and correct the path.",
    ),
    ("", "run_as_root"): (
        "Người dùng này không xem được hết: chạy lại bằng sudo diemcau doctor.",
        "This user may not see everything: run it again as sudo diemcau doctor.",
    ),
    ("power.chip", "no_chip"): (
        "Không có chip GPIO nên không có nút và rơ-le: chạy trên Raspberry Pi, kiểm tra kernel và /dev/gpiochip*.",
        "There is no GPIO chip, so neither button nor relays: run on a Raspberry Pi, check kernel and /dev/gpiochip*.",
    ),
    ("power.chip", "not_permitted"): (
        "Người dùng của dịch vụ không mở được chip GPIO: usermod -aG gpio rồi khởi động lại dịch vụ.",
        "The service's user may not open the GPIO chip: usermod -aG gpio, then restart the service.",
    ),
    ("power.line", "no_such_pin"): (
        "Bo mạch không có chân này: sửa pin trong cấu hình phòng.",
        "The board has no such pin: correct it in the room config.",
    ),
    ("power.line", "reserved"): (
        "Chân này đang dùng cho I²C, UART hoặc SPI: chọn chân khác, hoặc tắt bus đó trong config.txt.",
        "A bus (I²C, UART, SPI) uses this pin: choose another one, or switch that bus off in config.txt.",
    ),
    ("power.line", "taken"): (
        "Chương trình hoặc trình điều khiển khác đang giữ chân này: dừng nó, hoặc chọn chân khác.",
        "Another program or driver holds this line: stop that one, or choose another pin.",
    ),
    ("power.line", "lost"): (
        "Kernel không cho xem chân này: khởi động lại hộp; nếu vẫn vậy thì thay hộp.",
        "The kernel tells nothing of this line: restart the box; replace it if that does not help.",
    ),
    ("usb-camera", "not_permitted"): (
        "Người dùng của dịch vụ không mở được camera: usermod -aG video rồi khởi động lại dịch vụ.",
        "The service's user may not open the camera: usermod -aG video, then restart the service.",
    ),
    ("usb-microphone", "not_permitted"): (
        "Người dùng của dịch vụ không xem được micro: usermod -aG audio rồi khởi động lại dịch vụ.",
        "The service's user may not ask the mixer: usermod -aG audio, then restart the service.",
    ),
    ("box.identity", "broken"): (
        "Sửa hết các chỗ này trong tệp định danh; đến lúc đó hộp không nối với trung tâm, nút vẫn chạy.",
        "Mend all of these in the identity file; until then there is no link to the centre, the button works.",
    ),
    ("box.identity", "no_file"): (
        "Không có tệp định danh này: xin trung tâm tệp của điểm cầu này, hoặc chỉ đúng tệp bằng --config.",
        "There is no such identity file: get this site's own from the centre, or name the right one with --config.",
    ),
    ("box.running", "other_file"): (
        "Tệp này mới chỉ được thử, dịch vụ chạy với tệp khác: chép vào chỗ đó rồi sudo systemctl restart diemcau-agent "
        "(rơ-le giữ nguyên).",
        "This file was only tried, the service runs with another one: put it there, then sudo systemctl restart "
        "diemcau-agent (no relay moves).",
    ),
    ("box.running", "not_taken"): (
        "Tệp đã đổi sau khi dịch vụ chạy, dịch vụ vẫn dùng bản cũ: xem các mục trên đã tốt chưa rồi mới sudo systemctl "
        "restart diemcau-agent (rơ-le giữ nguyên).",
        "The file was changed after the service had started, which still runs with the old one: once all of the above "
        "is ok, sudo systemctl restart diemcau-agent (no relay moves).",
    ),
    ("box.room", "broken"): (
        "Sửa hết các chỗ này; đến lúc đó hộp chạy cấu hình khác thay thế.",
        "Mend all of these; until then another config stands in for it.",
    ),
    ("box.room", "doubtful"): (
        "Cấu hình này vẫn chạy như trước, nhưng bản mới thấy chỗ chưa đúng: sửa khi gửi cấu hình lần sau.",
        "This config runs as before, but this version finds fault with it: mend that with the next config.",
    ),
    ("box.room", "no_room"): (
        "Chưa có cấu hình phòng, hoặc nó trống (không thiết bị, không kiểm tra): tạo /etc/diemcau/room.toml.",
        "There is no room config, or it names no load and no check: make /etc/diemcau/room.toml.",
    ),
    ("box.state", "not_writable"): (
        "Dịch vụ không ghi được vào thư mục này: kiểm tra chủ sở hữu (chown diemcau) và thẻ nhớ.",
        "The service may not write this folder: check its owner (chown diemcau) and the card.",
    ),
    ("box.state", "not_a_folder"): (
        "Đây là một tệp, không phải thư mục: chỉ thư mục khác bằng --state, hoặc dời tệp này đi.",
        "This is a file, not a folder: name another folder with --state, or move this file away.",
    ),
    ("box.service", "no_systemd"): (
        "Máy này không chạy systemd: không gì khởi động lại chương trình khi nó dừng.",
        "There is no systemd here: nothing starts the agent again when it ends.",
    ),
    ("", "not_installed"): (
        "Chưa cài dịch vụ này: chạy sudo ./install.sh.",
        "This unit is not installed: run sudo ./install.sh.",
    ),
    ("", "masked"): (
        "Dịch vụ bị chặn: systemctl unmask rồi enable --now.",
        "This unit is masked: systemctl unmask it, then enable --now.",
    ),
    ("", "unit_broken"): (
        "Tệp dịch vụ bị hỏng: chép lại từ systemd/, xem systemctl status.",
        "The unit's file is broken: copy it again from systemd/, see systemctl status.",
    ),
    ("", "crashed"): (
        "Dịch vụ đã dừng vì lỗi: xem journalctl -u diemcau-agent, sửa rồi systemctl restart diemcau-agent.",
        "The service has failed: see journalctl -u diemcau-agent, mend it, then systemctl restart diemcau-agent.",
    ),
    ("", "starts_over"): (
        "Dịch vụ đang khởi động: chạy lại sau vài giây; nếu vẫn vậy thì xem journalctl -u diemcau-agent.",
        "The service is starting: look again in some seconds; if it stays so, see journalctl -u diemcau-agent.",
    ),
    ("", "not_running"): (
        "Dịch vụ không chạy: systemctl enable --now rồi chạy lại.",
        "This unit does not run: systemctl enable --now it, then look again.",
    ),
    ("", "not_enabled"): (
        "Dịch vụ sẽ không tự chạy sau khi khởi động lại hộp: systemctl enable.",
        "This unit will not start after a reboot: systemctl enable it.",
    ),
    ("box.groups", "not_in_group"): (
        "Người dùng của dịch vụ thiếu nhóm: usermod -aG rồi khởi động lại dịch vụ.",
        "The service's user lacks a group: usermod -aG it, then restart the service.",
    ),
    ("box.user", "run_as_root"): (
        "Quyền của người dùng dịch vụ chưa được kiểm tra: chạy lại bằng sudo diemcau doctor.",
        "What the service's user may do was not checked: run it again as sudo diemcau doctor.",
    ),
    ("box.user", "as_root"): (
        "Đã kiểm tra bằng quyền root vì không có dịch vụ và người dùng diemcau: quyền thật có thể ít hơn.",
        "This was checked as root, for want of a unit and of a user diemcau: a real one may do less.",
    ),
    ("box.boot_levels", "levels_missing"): (
        "config.txt chưa đặt mức các chân này trước khi Linux chạy: chạy lại sudo ./install.sh.",
        "config.txt does not set these pins before Linux runs: run sudo ./install.sh again.",
    ),
    ("box.boot_levels", "levels_wrong"): (
        "config.txt đặt các chân này khác với cấu hình phòng, vừa có điện thiết bị có thể tự bật: chạy lại sudo "
        "./install.sh.",
        "config.txt drives these pins otherwise than the room config says, so that loads may come on with the power: "
        "run sudo ./install.sh again.",
    ),
    ("box.watchdog", "no_watchdog"): (
        "Máy này không có watchdog phần cứng, treo thì phải có người rút điện: trên Raspberry Pi chạy lại sudo "
        "./install.sh rồi khởi động lại.",
        "This machine has no hardware watchdog, so that one that hangs waits for a person: on a Raspberry Pi run sudo "
        "./install.sh again, then reboot.",
    ),
    ("box.watchdog", "watchdog_off"): (
        "Watchdog phần cứng chưa chạy: chạy lại sudo ./install.sh, khởi động lại khi không có họp.",
        "The hardware watchdog does not run: run sudo ./install.sh again, and reboot when there is no conference.",
    ),
    ("box.watchdog", "watchdog_long"): (
        "Thời gian watchdog dài hơn phần cứng đếm được (15 giây): chạy lại sudo ./install.sh, xem tệp khác trong "
        "/etc/systemd/system.conf.d.",
        "The watchdog's time is longer than the hardware counts (15 s): run sudo ./install.sh again, and look for "
        "another file in /etc/systemd/system.conf.d.",
    ),
    ("box.release", "on_trial"): (
        "Bản mới đang chạy thử: chờ vài phút rồi xem lại; nếu vẫn vậy thì chạy lại sudo ./install.sh.",
        "A new release is on trial: look again in a few minutes; if it stays so, run sudo ./install.sh again.",
    ),
    ("box.state", "no_state"): (
        "Chưa có thư mục này; dịch vụ sẽ tạo khi chạy lần đầu. Nếu hộp đã từng chạy thì kiểm tra --state và thẻ nhớ.",
        "This folder is not there; the agent makes it at its first start. If it has run before, check --state and the"
        " card.",
    ),
    ("box.state", "not_makeable"): (
        "Chưa có thư mục này và dịch vụ không tạo được ở đó: sudo install -d -o diemcau -g diemcau thư mục đó.",
        "This folder is not there, and the service may not make it: sudo install -d -o diemcau -g diemcau it.",
    ),
    ("box.user", "no_such_user"): (
        "Dịch vụ chạy bằng người dùng không có trên hộp: chạy lại sudo ./install.sh.",
        "The unit's user does not exist on this box: run sudo ./install.sh again.",
    ),
    ("camera.counting", "too_slow"): (
        "OpenCV không khởi động kịp: chạy lại khi hộp rảnh; nếu vẫn vậy thì cài lại opencv-python, kiểm tra thẻ nhớ.",
        "OpenCV did not start in time: try again while the box is idle; then reinstall opencv-python, check the card.",
    ),
    ("camera.counting", "unreadable"): (
        "Người dùng của dịch vụ không đọc được mô hình nhận diện: chmod 644 tệp đó.",
        "The service's user may not read the face network: chmod 644 that file.",
    ),
    ("", "refused"): (
        "Thiết bị có trên mạng nhưng từ chối cổng này: kiểm tra chương trình và số cổng.",
        "The device is there and refuses this port: check its service and the port's number.",
    ),
    ("", "timeout"): (
        "Thiết bị không trả lời qua mạng: kiểm tra nguồn, dây mạng và bộ chia mạng.",
        "The device does not answer on the network: check its power, its cable and the switch.",
    ),
    ("", "too_slow"): (
        "Kiểm tra này không xong kịp: chạy lại; nếu vẫn vậy thì xem đường truyền và DNS.",
        "This check did not end in time: run it again; if it stays so, look at the line and the DNS.",
    ),
    ("", "not_examined"): (
        "Không kiểm tra được trên máy này.",
        "This could not be checked on this machine.",
    ),
}


# Before the sentence on who renews which certificate: how urgent that is.
URGENCY: dict[str, Sentence] = {
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


def remedy(kind: str, reason: str | None) -> Sentence | None:
    """What to do, in Vietnamese and in English; None where nothing is to be done or nobody knows what.

    A reason is a word, or a word and the days that are left: ``expires_within_week: 6``.
    """
    word, _, days = (reason or "").partition(": ")
    if word not in URGENCY:
        return _remedy(kind, reason)
    vietnamese, english = _remedy(kind, "expires_soon") or ("", "")
    urgent = [words.format(days=days) for words in URGENCY[word]]
    return f"{urgent[0]} {vietnamese}".rstrip(), f"{urgent[1]} {english}".rstrip()


def _remedy(kind: str, reason: str | None) -> Sentence | None:
    own = SENTENCES.get((kind, reason or ""))
    if own is not None:
        return own
    vietnamese, english = advice(kind, reason, "vi"), advice(kind, reason, "en")
    if vietnamese and english:
        return vietnamese, english
    return SENTENCES.get(("", reason or ""))
