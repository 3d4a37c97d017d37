"""Through pgbouncer: a whole pass in session mode; the other modes are recognised and refused."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from domiq_dagster.db.embedded import EmbeddedServer
from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.errors import UnsuitablePooler
from tests.fixtures.pgbouncer import PROGRAM, pgbouncer
from tests.fixtures.world import Standin, World

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


@pytest.fixture
def through(pg_server: EmbeddedServer, domiq_url: str) -> Callable[..., object]:
    """`through(mode)`: the URL of a migrated database through pgbouncer, for the length of a block."""

    @contextmanager
    def pooled(mode: str, **settings: int) -> Iterator[str]:
        name = domiq_url.partition("@/")[2].partition("?")[0]
        with pgbouncer(pg_server.socket_dir, mode, **settings) as port:
            yield f"postgresql://postgres@127.0.0.1:{port}/{name}"

    return pooled


def test_a_pass_through_a_pooler_in_session_mode(
    through: Callable[..., object], domiq_url: str, standin: Standin
) -> None:
    """C3: no startup parameter is refused, settings hold, and no advisory lock is left behind."""
    with through("session") as url:  # type: ignore[attr-defined]
        engine = make_engine(url, pool_size=10, statement_timeout_ms=4321)
        world = World(engine, url, standin)
        flats = world.property(0)
        conversation = world.conversation(flats, "contacted")
        world.sync(2)
        world.change(conversation, status="lost")
        world.sync()
        assert world.told(conversation)[-1] == "Cancel"
        assert world.value("SELECT current_setting('statement_timeout')") == "4321ms"
        assert world.value("SHOW TimeZone") == "UTC"
        assert world.conservation() == []
        assert world.kept_locks() == []
        world.closing.close()
        engine.dispose()


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_a_pooler_that_shares_sessions_is_refused(through: Callable[..., object], mode: str) -> None:
    """C3: in one sentence that says what to set."""
    with through(mode) as url:  # type: ignore[attr-defined]
        engine = make_engine(url)
        with pytest.raises(UnsuitablePooler, match="set pool_mode=session") as caught, engine.connect():
            pass
    assert "\n" not in str(caught.value)


def test_a_pooler_without_a_second_connection_is_refused(
    through: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """C3: it would let the second one wait without end."""
    monkeypatch.setattr("domiq_dagster.db.pooler._SECOND_CONNECTION_SECONDS", 0.3)
    with through("session", pool_size=1) as url:  # type: ignore[attr-defined]
        engine = make_engine(url)
        with pytest.raises(UnsuitablePooler, match="raise its default_pool_size"), engine.connect():
            pass
