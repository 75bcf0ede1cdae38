"""By whose clock times are shown and read at the centre."""

import os
import time

VIETNAM = "<+07>-7"  # as POSIX has it: needs no time zone database


def keep_local_time() -> None:
    """Where nobody has told this machine where it stands (it then goes by UTC, as servers do), it is Vietnam's time:
    whoever writes 08:00 means his own morning. ``TZ`` in the environment says otherwise.
    """
    if "TZ" not in os.environ and time.timezone == 0 and not time.daylight:
        os.environ["TZ"] = VIETNAM
        time.tzset()
