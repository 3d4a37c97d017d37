"""What happens to the run: decks of mishaps, dealt at random while the changes are made.

Four decks, each dealt by a thread of its own, so that mishaps of different kinds overlap. Each deck is dealt
once at least.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.chaos.proxy import Proxy
from tests.chaos.stage import Stage
from tests.chaos.timeline import Timeline
from tests.chaos.workers import Workers

POST = "PostLeadManagement4_0"


@dataclass(frozen=True, slots=True)
class Climate:
    """How rough it is. Times in seconds; pauses lie between two cards of a deck.

    slowest: the longest that ResMan takes for a request. longest_stall: of a connection. Both are less than
    what the engine's times allow for, as the real ones are. longest_storm: of one kind of faults at ResMan.
    latest_commit: how long after a request that got no answer it may take effect; less than it is looked for.
    freeze: how long a worker is stopped; longer than its lease.
    """

    seconds: float
    workers: int
    slowest: float
    longest_stall: float
    longest_storm: float
    latest_commit: float
    freeze: float
    pauses: dict[str, tuple[float, float]]
    decks: dict[str, tuple[str, ...]]


FULL_DECKS: dict[str, tuple[str, ...]] = {
    "workers": ("kill", "kill", "kill", "kill_two", "term", "freeze", "all"),
    "database": ("fast", "immediate", "terminate"),
    "network": (
        "cut_database", "cut_database_some", "cut_standin", "cut_standin_some", "stall_database",
        "stall_standin", "refuse_database", "refuse_standin", "lose_commits", "lose_posts", "half_open",
        "drip_standin",
    ),
    "resman": (
        "drop_after", "drop_before", "busy", "bad_gateway", "bad_gateway_after", "html", "html_after",
        "truncate", "hang_after", "latency", "slow", "late",
    ),
}  # fmt: skip
SHORT_DECKS: dict[str, tuple[str, ...]] = {
    "workers": ("kill", "term"),
    "database": ("immediate",),
    "network": (
        "cut_database",
        "cut_standin",
        "stall_database",
        "stall_standin",
        "lose_commits",
        "lose_posts",
    ),
    "resman": ("drop_after", "bad_gateway_after", "busy", "html_after"),
}


class FaultPlayer:
    """Makes it."""

    def __init__(
        self, stage: Stage, workers: Workers, climate: Climate, timeline: Timeline, seed: int
    ) -> None:
        self._stage = stage
        self._workers = workers
        self._climate = climate
        self._timeline = timeline
        self._seed = seed
        self._database_alone = threading.Lock()
        self.done: Counter[str] = Counter()
        self.stop = threading.Event()

    def play(self) -> None:
        """Until the time is over and every deck was dealt once; then it is calm."""
        play: dict[str, Callable[[str, random.Random], None]] = {
            "workers": self._worker,
            "database": self._database,
            "network": self._network,
            "resman": self._resman,
        }
        with ThreadPoolExecutor(max_workers=len(play)) as pool:
            under_way = [pool.submit(self._deal, deck, card) for deck, card in play.items()]
        for done in under_way:
            done.result()
        self._stage.standin.faults(0)
        self._stage.to_standin.lose_answers(0)
        self._stage.to_database.lose_answers(0)

    def _deal(self, deck: str, play: Callable[[str, random.Random], None]) -> None:
        dice = random.Random(f"{self._seed}:{deck}")
        ends = time.monotonic() + self._climate.seconds
        dealt = False
        while not dealt or time.monotonic() < ends:
            cards = list(self._climate.decks[deck])
            dice.shuffle(cards)
            for card in cards:
                self.stop.wait(dice.uniform(*self._climate.pauses[deck]))
                if self.stop.is_set() or (dealt and time.monotonic() >= ends):
                    return
                play(card, dice)
                self.done[card] += 1
            dealt = True

    def _worker(self, card: str, dice: random.Random) -> None:
        self._workers.restart_dead()
        if card == "freeze":
            self._freeze(dice.randrange(self._climate.workers))
            return
        if card == "all":
            self._kill_everything()
            return
        numbers = dice.sample(range(self._climate.workers), 2 if card == "kill_two" else 1)
        for number in numbers:
            if card == "term":
                with self._timeline.during("term", f"worker {number}"):
                    self._workers.terminate(number)
            else:
                self._timeline.note("kill", f"worker {number}", lasts=0.2)
                self._workers.kill(number)
                self.done["kills"] += 1
        time.sleep(dice.uniform(0, 1))
        for number in numbers:
            self._workers.start(number)

    def _freeze(self, number: int) -> None:
        """A worker that is stopped just before it sends, and whose account's slot is lost meanwhile with its
        database session, sends late, and nobody on this side can tell. So not both at once."""
        with self._database_alone, self._timeline.during("freeze", f"worker {number}"):
            self._workers.freeze(number, self._climate.freeze)

    def _kill_everything(self) -> None:
        """As when the machine's power goes: every worker and the database, in the same moment."""
        numbers = range(self._climate.workers)
        with self._database_alone, self._timeline.during("all killed"):
            for number in numbers:
                self._workers.kill(number)
                self.done["kills"] += 1
            self._stage.database.restart("immediate")
            self.done["immediate"] += 1
        for number in numbers:
            self._workers.start(number)

    def _database(self, card: str, dice: random.Random) -> None:
        with self._database_alone, self._timeline.during("database restart", card):
            if card == "terminate":
                self.done["sessions_terminated"] += self._stage.database.terminate_some(dice)
            else:
                self._stage.database.restart(card)

    def _network(self, card: str, dice: random.Random) -> None:
        if "database" in card or card in ("half_open", "lose_commits"):
            with self._database_alone:
                self._disturb(card, self._stage.to_database, "database", dice)
        else:
            self._disturb(card, self._stage.to_standin, "standin", dice)

    def _disturb(self, card: str, proxy: Proxy, link: str, dice: random.Random) -> None:
        action = card.split("_")[0]
        share = dice.uniform(0.1, 0.6) if card.endswith("some") else 1.0
        seconds = dice.uniform(0.3, 1) * self._climate.longest_stall
        if action == "lose":
            self._timeline.note(f"{link} answers lost", lasts=2)
            proxy.lose_answers(dice.randint(1, 5))
        elif action == "refuse":
            with self._timeline.during(f"{link} refused"), proxy.refusing():
                time.sleep(seconds / 2)
        elif action == "stall":
            self._wait_busy(proxy)
            self._timeline.note(f"{link} stall", lasts=seconds)
            proxy.stall(dice.choice((1.0, 0.3)), dice, seconds)
            time.sleep(seconds)
        elif action == "half":
            self._wait_busy(proxy)
            self._timeline.note(f"{link} cut", "half open")
            proxy.half_open(dice.uniform(0.1, 0.5), dice, seconds)
        elif action == "drip":
            self._wait_busy(proxy)
            self._timeline.note(f"{link} drips", lasts=2 * seconds)
            proxy.drip(dice, 2 * seconds)
        else:
            self._wait_busy(proxy)
            self._timeline.note(f"{link} cut")
            proxy.cut(share, dice)

    def _wait_busy(self, proxy: Proxy) -> None:
        """Until there is a connection to strike; workers that are all just starting have none."""
        ends = time.monotonic() + 3
        while not proxy.open_connections() and time.monotonic() < ends and not self.stop.is_set():
            time.sleep(0.002)

    def _resman(self, card: str, dice: random.Random) -> None:
        rate = dice.uniform(0.3, 0.8)
        faults: dict[str, dict[str, Any]] = {
            "drop_after": {"kind": "drop_after", "endpoint": POST},
            "drop_before": {"kind": "drop_before"},
            "busy": {"kind": "status", "status": 429, "retry_after": dice.choice((1, 2))},
            "bad_gateway": {"kind": "status", "status": 502, "retry_after": 1},
            "bad_gateway_after": {"kind": "status", "status": 502, "retry_after": 1, "commit": True},
            "html": {"kind": "html"},
            "html_after": {"kind": "html", "commit": True, "endpoint": POST},
            "truncate": {"kind": "truncate"},
            "hang_after": {"kind": "hang", "seconds": 3600, "commit": True, "rate": 0.1, "endpoint": POST},
            "latency": {"kind": "latency", "seconds": dice.uniform(0.05, 0.3)},
            "late": {
                "kind": "drop_after",
                "commit_after": dice.uniform(0.2, 1) * self._climate.latest_commit,
                "rate": 0.2,
                "endpoint": POST,
            },
            "slow": {"kind": "latency", "seconds": self._climate.slowest, "rate": 0.2, "endpoint": POST},
        }
        self._stage.standin.faults(dice.randrange(1_000_000), {"rate": rate, **faults[card]})
        time.sleep(dice.uniform(0.5, 1) * self._climate.longest_storm)
        self._stage.standin.faults(0)
