"""On 64-bit Arm, as a Raspberry Pi is: Debian trixie under user-mode emulation. Asked for with ``--arm``."""
