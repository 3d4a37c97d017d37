"""Engines that outlive whoever uses them: for ticks, which ask little and often."""

import os
import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.kept_engine import IDLE_SECONDS, LOOK_SECONDS, KeptEngines


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Looks:
    """Counts how often a database was looked at."""

    def __init__(self) -> None:
        self.times = 0
        self.error: Exception | None = None

    def __call__(self, connection: Connection) -> None:
        self.times += 1
        if self.error is not None:
            raise self.error


@pytest.fixture
def make(make_database: Callable[..., str]) -> Iterator[Callable[[], Engine]]:
    url, made = make_database(), list[Engine]()

    def engine() -> Engine:
        made.append(make_engine(url, pool_size=2))
        return made[-1]

    yield engine
    for one in made:
        one.dispose()


def session(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def test_who_asks_next_finds_the_session_open_and_the_database_looked_at(
    make: Callable[[], Engine],
) -> None:
    looks = Looks()
    kept = KeptEngines(looks, clock=Clock())
    seen = set()
    for _ in range(5):
        with kept.use("one", make) as engine:
            seen.add(session(engine))
    assert (len(seen), looks.times) == (1, 1)


def test_the_database_is_looked_at_again_after_a_while(make: Callable[[], Engine]) -> None:
    clock, looks = Clock(), Looks()
    kept = KeptEngines(looks, clock=clock)
    for seconds in (0.0, LOOK_SECONDS - 1, LOOK_SECONDS, 2 * LOOK_SECONDS):
        clock.now = 1000.0 + seconds
        with kept.use("one", make):
            pass
    assert looks.times == 3


def test_a_database_that_cannot_be_used_is_looked_at_anew_each_time(make: Callable[[], Engine]) -> None:
    looks = Looks()
    kept = KeptEngines(looks, clock=Clock())
    looks.error = ValueError("not migrated")
    for _ in range(2):
        with pytest.raises(ValueError, match="not migrated"), kept.use("one", make):
            pass
    looks.error = None
    with kept.use("one", make) as engine:
        assert session(engine)
    assert looks.times == 3


def test_what_nobody_uses_is_closed(make: Callable[[], Engine]) -> None:
    clock = Clock()
    kept = KeptEngines(Looks(), clock=clock)
    with kept.use("one", make) as engine:
        before = session(engine)
        clock.now += 2 * IDLE_SECONDS
        assert kept.close_idle() is not None  # in use
    assert kept.close_idle() == IDLE_SECONDS
    clock.now += IDLE_SECONDS
    assert kept.close_idle() is None
    with kept.use("one", make) as engine:
        assert session(engine) != before


def test_a_session_that_the_server_ended_is_replaced(make: Callable[[], Engine]) -> None:
    kept = KeptEngines(Looks(), clock=Clock())
    with kept.use("one", make) as engine:
        before = session(engine)
        killer = make()
        with killer.connect() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": before})
    with kept.use("one", make) as engine:
        assert session(engine) != before


def test_several_use_it_at_once(make: Callable[[], Engine]) -> None:
    looks = Looks()
    kept = KeptEngines(looks, clock=Clock())
    found: list[int] = []

    def use() -> None:
        with kept.use("one", make) as engine:
            found.append(session(engine))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8


def test_a_child_of_the_process_opens_its_own(make: Callable[[], Engine]) -> None:
    kept = KeptEngines(Looks(), clock=Clock())
    with kept.use("one", make) as engine:
        before = session(engine)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        kept.forget()
        with kept.use("one", make) as engine:
            os.write(writer, str(session(engine)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert int(os.read(reader, 100)) != before
    with kept.use("one", make) as engine:
        assert session(engine) == before
