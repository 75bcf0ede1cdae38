"""How much of the processor the eye takes: a ledger that says when the next look may begin. Pure: readings come in.

What is spent is owed, and paid back at ``pay_share`` a second; a look begins when nothing is owed. So any minute
costs at most ``pay_share`` of it and one look more, and ``pay_share`` is lower than ``cpu_share`` by just that look.
The first look waits for nothing: what starting cost is owed after it.
"""

from collections import deque

MINUTE_S = 60.0
# Nine looks in the default window of 90 s: people whose faces show half of the time are counted as well as every 2 s.
# A box that would be slower still looks at a smaller picture instead.
LONGEST_INTERVAL_S = 10.0
LONGEST_REST_S = 60.0
LEAST_OF_SHARE = 0.5  # for one look that takes half a minute's whole share
HEADROOM = 0.97  # for what is spent between two readings
FOLLOW = 0.3  # how much the newest look changes what a pixel is taken to cost


class Governor:
    """The ledger of one process.

    Args:
        cpu_share: Of one core, at most, over any minute.
        interval_s: From one look to the next where that share allows it.
        now_s: Monotonic seconds.
        cpu_s: What the process has taken since its start, in seconds of one core (``time.process_time``).
    """

    def __init__(self, cpu_share: float, interval_s: float, now_s: float, cpu_s: float) -> None:
        self._share, self._wanted_s = cpu_share, interval_s
        # Until now it was starting, on one core.
        self._readings = deque([(now_s - cpu_s, 0.0), (now_s, cpu_s)])
        self._owed_s = cpu_s
        self._largest = deque([(now_s, 0.0)])
        self._began = (now_s, cpu_s)
        self._rest_until_s = now_s
        self._cost_of_px_s: float | None = None
        self.interval_s = interval_s

    def look_every(self, interval_s: float) -> None:
        """Keep another interval from now on."""
        self._wanted_s = interval_s

    def begin(self, now_s: float, cpu_s: float) -> None:
        """A look begins."""
        self._read(now_s, cpu_s)
        self._began = (now_s, cpu_s)

    def end(self, now_s: float, cpu_s: float, pixels: int) -> float:
        """A look at a working picture of so many pixels is over; returns when the next one may begin."""
        self._read(now_s, cpu_s)
        began_s, before_s = self._began
        cost_s = cpu_s - before_s
        self._largest.append((now_s, cost_s))
        if pixels > 0:
            each_s, known_s = cost_s / pixels, self._cost_of_px_s
            self._cost_of_px_s = each_s if known_s is None else known_s + FOLLOW * (each_s - known_s)
        self._rest_until_s = now_s + LONGEST_REST_S
        due_s = self.due_s(now_s, cpu_s)
        self.interval_s = due_s - began_s
        return due_s

    def due_s(self, now_s: float, cpu_s: float) -> float:
        """When the interval is over and nothing is owed any more: later than it was at the end of the look where a
        driver works in between. Not for ever, since a driver alone may take more than the share.
        """
        self._read(now_s, cpu_s)
        paid_s = min(self._rest_until_s, now_s + self._owed_s / self.pay_share)
        return max(self._began[0] + self._wanted_s, paid_s)

    @property
    def pay_share(self) -> float:
        """What is spent on average where a look comes as soon as nothing is owed."""
        largest_s = max(cost_s for _, cost_s in self._largest)
        return max(LEAST_OF_SHARE * self._share, HEADROOM * self._share - largest_s / MINUTE_S)

    @property
    def most_px(self) -> float:
        """The working picture that this box looks at every ``LONGEST_INTERVAL_S`` within its share."""
        if not self._cost_of_px_s:
            return float("inf")
        return self.pay_share * max(LONGEST_INTERVAL_S, self._wanted_s) / self._cost_of_px_s

    def share(self) -> float:
        """What the process took over the last minute, or since it started where that is shorter; of one core."""
        (since_s, before_s), (now_s, cpu_s) = self._readings[0], self._readings[-1]
        return (cpu_s - before_s) / (now_s - since_s) if now_s > since_s else 0.0

    def _read(self, now_s: float, cpu_s: float) -> None:
        then_s, before_s = self._readings[-1]
        self._owed_s = max(0.0, self._owed_s + (cpu_s - before_s) - (now_s - then_s) * self.pay_share)
        self._readings.append((now_s, cpu_s))
        # One reading from before the minute stays: the minute begins there.
        while len(self._readings) > 2 and self._readings[1][0] <= now_s - MINUTE_S:
            self._readings.popleft()
        while len(self._largest) > 1 and self._largest[0][0] < now_s - MINUTE_S:
            self._largest.popleft()
