"""Why a broker cannot be used, in one sentence for whoever asked: English for the journal, Vietnamese for people."""

import ssl
from typing import Any

from agent.core.errors import LinkError
from agent.core.identity import BrokerSection


def trouble(error: Exception, broker: BrokerSection) -> LinkError:
    """What came of trying to connect, as an error of ours."""
    if isinstance(error, LinkError):
        return error
    where = f"{broker.host}:{broker.port}"
    if isinstance(error, ssl.SSLError):
        return LinkError(
            f"the broker at {where} does not show a certificate that the ca file vouches for: {error.reason or error}",
            f"chứng chỉ của máy chủ {where} không do tệp ca ký: kiểm tra địa chỉ và tệp ca",
        )
    if isinstance(error, ConnectionRefusedError):
        return LinkError(
            f"the broker at {where} refuses connections: start it, or correct the address",
            f"máy chủ {where} từ chối kết nối: khởi động máy chủ hoặc sửa địa chỉ",
        )
    return LinkError(
        f"the broker at {where} cannot be reached: {error}; check cable, line and address",
        f"không tới được máy chủ {where}: kiểm tra dây mạng, đường truyền và địa chỉ",
    )


def silent(broker: BrokerSection) -> LinkError:
    """It took the connection, and has said nothing since."""
    return LinkError(
        f"the broker at {broker.host}:{broker.port} does not answer: check the address",
        f"máy chủ {broker.host}:{broker.port} không trả lời: kiểm tra địa chỉ",
    )


def refused(code: Any) -> LinkError:
    """It knows this user not, or will not have him."""
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
