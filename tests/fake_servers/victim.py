"""A process that tells people of changes and dies at a given step: a statement, a commit, or just before or
after a message is handed to its channel. It loads everything once and forks for each death.

Run as a program: reads one JSON object a line (url, settings, step), prints the exit code of the fork: 9
where it died, 0 where there were fewer steps.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

from sqlalchemy import event

from domiq_dagster.db.engine import make_engine
from domiq_dagster.sync.notifications.channels.apprise_url import NotifySlack
from domiq_dagster.sync.notifications.channels.channels import configure
from domiq_dagster.sync.notifications.channels.message import Channel, Message, SendResult
from domiq_dagster.sync.notifications.notify import notify_changes
from domiq_dagster.sync.notifications.sender import Timing, deliver_due

DIED = 9


class Death:
    """Counts steps, over all threads, and ends the process at one of them: nothing is flushed or rolled
    back."""

    def __init__(self, step: int) -> None:
        self._left = step
        self._lock = threading.Lock()

    def step(self, *_: Any) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os._exit(DIED)


class Watched:
    """A channel whose every message is two steps."""

    def __init__(self, channel: Channel, death: Death) -> None:
        self._channel, self._death = channel, death

    def send(self, recipient: str, message: Message) -> SendResult:
        self._death.step()
        result = self._channel.send(recipient, message)
        self._death.step()
        return result


def tell(url: str, settings: Mapping[str, str], webhook: str, step: int) -> None:
    death = Death(step)
    NotifySlack.webhook_url = webhook
    channels = configure(settings)
    watched = {name: Watched(channel, death) for name, channel in channels.outward.items()}
    engine = make_engine(url)
    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(engine, name, death.step)
    notify_changes(engine, channels.templates)
    deliver_due(
        engine, dataclasses.replace(channels, outward=watched), timing=Timing(pause=lambda seconds: None)
    )


def main() -> None:
    configure({"DOMIQ_EMAIL_URL": "mailto://127.0.0.1:1?from=a@b.example"})  # Apprise loads its services
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if not pid:
            try:
                tell(**job)
            except BaseException as error:
                print(error, file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
