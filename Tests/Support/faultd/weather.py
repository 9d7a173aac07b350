"""What an upstream is like as a whole: it fails at times, flaps, or has only so much room."""

import asyncio
import collections
import time


class Upstream:
    """All requests for one model's name, with its operations."""

    def __init__(self, plan):
        self.odds = float(plan.get("odds", 0))
        self.flap = int(plan.get("flap", 0)) / 1000
        self.down = int(plan.get("down", 500))
        self.slots = int(plan["slots"]) if "slots" in plan else None
        self.room = int(plan["room"]) if "room" in plan else None
        self.requests = self.served = 0
        self.began = time.monotonic()
        self.waiting = collections.deque()

    @property
    def is_plain(self):
        return not self.odds and not self.flap and self.slots is None

    def fails(self):
        """Whether the next request fails: a count decides, or the clock, never chance."""
        number, self.requests = self.requests, self.requests + 1
        if self.flap and int((time.monotonic() - self.began) / self.flap) % 2:
            return True
        return int((number + 1) * self.odds / 100) > int(number * self.odds / 100)

    @property
    def is_full(self):
        return self.room is not None and self.served >= self.slots and len(self.waiting) >= self.room

    async def enter(self):
        """Waits for a place among those that are served."""
        if self.slots is None:
            return
        if self.served < self.slots:
            self.served += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            # Whose turn it has become gives it on.
            if turn.done() and not turn.cancelled():
                self.leave()
            else:
                self.waiting.remove(turn)
            raise

    def leave(self):
        if self.slots is None:
            return
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                return turn.set_result(None)
        self.served -= 1
