"""What a device says of itself, made fit to be shown: anybody can build a USB device with any text in it."""

# A USB string descriptor has one byte for its length, so 126 characters at most (USB 2.0, section 9.6.7): what a device
# honestly says is never cut, and a serial number in the config matches it.
LONGEST = 126
NOT_PRINTABLE, CUT = "\ufffd", "…"


def one_line(raw: bytes) -> str:
    """One clean line of at most 126 characters.

    What is no UTF-8, a control code, an ANSI escape's beginning, a line break or a character that turns the direction
    of writing becomes ``�``. Markup stays: it is text, and who draws a page escapes it.
    """
    text = raw.decode("utf-8", "replace").strip()
    if len(text) > LONGEST:
        text = text[: LONGEST - len(CUT)] + CUT
    return "".join(letter if letter.isprintable() else NOT_PRINTABLE for letter in text)
