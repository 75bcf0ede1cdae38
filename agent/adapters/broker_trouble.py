"""Why a broker cannot be used, in one sentence for whoever asked: English for the journal, Vietnamese for people."""

import ssl
from typing import Any

from agent.adapters.broker_check import tls_reason
from agent.core.errors import LinkError
from agent.core.identity import BrokerSection

NO_MQTT_5 = 0x84  # MQTT 5, 3.2.2.2; paho makes the same of what an older broker answers
TLS = {
    "server_unknown": (
        "chứng chỉ của máy chủ {where} không do tệp ca ký: lấy đúng tệp ca của trung tâm",
        "the ca file does not vouch for the certificate of the broker at {where}: get the centre's own ca file",
    ),
    "server_expired": (
        "chứng chỉ của máy chủ {where} đã hết hạn: gia hạn ở đó; nếu đồng hồ máy này sai thì sửa trước",
        "the certificate of the broker at {where} has expired: renew it there; correct a wrong clock here first",
    ),
    "server_not_yet_valid": (
        "chứng chỉ của máy chủ {where} chưa có hiệu lực: kiểm tra đồng hồ của máy này",
        "the certificate of the broker at {where} is not valid yet: check this machine's clock",
    ),
    "server_name": (
        "chứng chỉ của máy chủ {where} mang tên khác: dùng đúng tên trong chứng chỉ làm địa chỉ",
        "the certificate of the broker at {where} is for another name: use the name in it as the address",
    ),
    "no_tls": (
        "cổng {where} không nói TLS: sửa địa chỉ hoặc cổng (thường là 8883)",
        "the port at {where} does not speak TLS: correct the address or the port (8883 as a rule)",
    ),
    "tls_failed": (
        "không bắt tay TLS được với máy chủ {where}: kiểm tra địa chỉ, tệp ca và chứng chỉ",
        "there is no TLS with the broker at {where}: check the address, the ca file and the certificate",
    ),
}


def trouble(error: Exception, broker: BrokerSection) -> LinkError:
    """What came of trying to connect, as an error of ours."""
    if isinstance(error, LinkError):
        return error
    where = f"{broker.host}:{broker.port}"
    if isinstance(error, ssl.SSLError):
        return _of_tls(tls_reason(error), where, getattr(error, "verify_message", "") or error.reason or error)
    if isinstance(error, ConnectionResetError) and broker.tls:  # what mosquitto makes of TLS on a port without it
        return _of_tls("no_tls", where, error)
    if isinstance(error, ConnectionRefusedError):
        return LinkError(
            f"the broker at {where} refuses connections: start it, or correct the address",
            f"máy chủ {where} từ chối kết nối: khởi động máy chủ hoặc sửa địa chỉ",
        )
    return LinkError(
        f"the broker at {where} cannot be reached: {error}; check cable, line and address",
        f"không tới được máy chủ {where}: kiểm tra dây mạng, đường truyền và địa chỉ",
    )


def _of_tls(reason: str, where: str, detail: object) -> LinkError:
    vietnamese, english = TLS[reason]
    return LinkError(f"{english.format(where=where)} ({detail})", vietnamese.format(where=where))


def silent(broker: BrokerSection) -> LinkError:
    """It took the connection, and has said nothing since."""
    return LinkError(
        f"the broker at {broker.host}:{broker.port} does not answer: check the address",
        f"máy chủ {broker.host}:{broker.port} không trả lời: kiểm tra địa chỉ",
    )


def refused(code: Any) -> LinkError:
    """It knows this user not, or will not have him, or speaks no MQTT 5."""
    if getattr(code, "value", None) == NO_MQTT_5:
        return LinkError(
            f"the broker speaks no MQTT 5 ({code}): put one there that does, mosquitto 2 for example",
            "máy chủ không nói MQTT 5: hãy dùng máy chủ hỗ trợ MQTT 5, chẳng hạn mosquitto 2",
        )
    return LinkError(
        f"the broker refuses this user ({code}): check the name and the password or certificate",
        f"máy chủ từ chối người dùng này ({code}): kiểm tra tên và mật khẩu hoặc chứng chỉ",
    )


def deaf(topics: str) -> LinkError:
    """It does not let this user listen."""
    return LinkError(
        f"the broker does not let this user listen to {topics}: have its rights corrected there",
        f"máy chủ không cho người dùng này nghe {topics}: nhờ người quản lý máy chủ cấp quyền",
    )


def mute(code: Any) -> LinkError:
    """It does not let this user tell the sites what the centre has."""
    return LinkError(
        f"the broker takes no acknowledgement of rows from this user ({code}), so no site ever hears of one: use the "
        "certificate of a recorder (`diemcau site add NAME --role recorder`)",
        f"máy chủ không nhận xác nhận của người dùng này ({code}), chứng chỉ này không phải vai trò recorder: dùng "
        "chứng chỉ tạo bằng `diemcau site add TÊN --role recorder`",
    )
