"""What goes wrong: each fault lasts while it is held, and is over when its context ends.

`bound` is in how many seconds whoever asks must have an answer meanwhile; None where the web server
itself is what is wrong. `serves` says that the portal takes what is written all the same.
"""

import contextlib
import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from tests.faults.parts import frozen, kill, stop, tree, until

SECONDS = 5.0
"""How long most of them are held."""
ANSWERED = 3.0


@dataclass(frozen=True)
class Fault:
    name: str
    hold: Callable
    bound: float | None = None
    serves: bool = False
    seconds: float = SECONDS


FAULTS = []


def fault(name, **said):
    """Make a fault of a generator that gets the chaos, and yields once it has begun."""

    def make(hold):
        FAULTS.append(Fault(name, contextlib.contextmanager(hold), **said))
        return hold

    return make


def backends(chaos):
    """Ids of the database's processes that serve the portal."""
    rows = chaos.ask("SELECT pid FROM pg_stat_activity WHERE application_name = 'portal'")
    own = {pid for (pid,) in rows}
    all_of_it = tree(chaos.parts.database)
    return [pid for pid in all_of_it if pid in own] or all_of_it[1:]


# -- Killed ---------------------------------------------------------------------------------------


@fault("a worker killed in the middle of a batch", serves=True)
def worker_in_a_batch(chaos):
    chaos.many_changes()
    until(chaos.in_a_batch, seconds=10, every=0.002)
    kill(chaos.worker)
    yield


@fault("a pool process of a worker killed", bound=ANSWERED, serves=True)
def pool_process(chaos):
    chaos.many_changes()
    until(chaos.in_a_batch, seconds=10, every=0.002)
    for pid in tree(chaos.worker)[1:]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    yield


@fault("beat killed", bound=ANSWERED, serves=True)
def beat(chaos):
    kill(chaos.beat)
    yield


@fault("the web server killed")
def web(chaos):
    kill(chaos.web)
    yield


@fault("a web process killed under its server")
def web_process(chaos):
    for pid in tree(chaos.web)[1:]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    yield


@fault("the broker killed", bound=ANSWERED, serves=True)
def broker(chaos):
    kill(chaos.parts.broker)
    yield


@fault("the broker emptied", bound=ANSWERED, serves=True)
def emptied(chaos):
    with contextlib.suppress(Exception):
        chaos.parts.lose_messages()
    yield


@fault("the database killed", bound=ANSWERED)
def database(chaos):
    pids = tree(chaos.parts.database)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    chaos.parts.database.process.wait()
    yield


@fault("a backend of the database killed", bound=ANSWERED)
def backend(chaos):
    with contextlib.suppress(ProcessLookupError):
        os.kill(chaos.random.choice(backends(chaos)), signal.SIGKILL)
    yield


# -- Hung -----------------------------------------------------------------------------------------


@fault("the worker hung", bound=ANSWERED, serves=True)
def worker_hung(chaos):
    with frozen(chaos.worker):
        yield


@fault("beat hung", bound=ANSWERED, serves=True)
def beat_hung(chaos):
    with frozen(chaos.beat):
        yield


@fault("the web server hung")
def web_hung(chaos):
    with frozen(chaos.web):
        yield


@fault("the broker hung", bound=ANSWERED, serves=True, seconds=2 * SECONDS)
def broker_hung(chaos):
    with frozen(chaos.parts.broker):
        yield


@fault("the database hung", bound=ANSWERED, seconds=2 * SECONDS)
def database_hung(chaos):
    with frozen(chaos.parts.database):
        yield


@fault("a backend of the database hung")
def backend_hung(chaos):
    pid = chaos.random.choice(backends(chaos))
    stop(pid)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


# -- Full -----------------------------------------------------------------------------------------


@fault("no connection left in the database", bound=ANSWERED)
def connections(chaos):
    held = []
    with contextlib.suppress(psycopg.OperationalError):
        while len(held) < 200:
            held.append(psycopg.connect(chaos.application, connect_timeout=3))
    try:
        yield
    finally:
        for one in held:
            one.close()


@fault("a table held by somebody, so that every connection waits")
def held_table(chaos):
    with psycopg.connect(chaos.owner, connect_timeout=3) as own:
        own.execute("SET statement_timeout = '10s'")
        with contextlib.suppress(psycopg.Error):
            own.execute("LOCK TABLE reviews_patient IN ACCESS EXCLUSIVE MODE")
        yield
        own.rollback()


@fault("a full disk under the database")
def disk_of_the_database(chaos):
    with no_more_room(chaos.parts.database, most=8192):
        yield


@fault("a full disk under the logs and the schedule", bound=ANSWERED)
def disk_of_the_logs(chaos):
    with no_more_room(chaos.web, chaos.worker, chaos.beat, most=0):
        yield


@contextlib.contextmanager
def no_more_room(*children, most):
    """Let no file of these grow beyond `most` bytes: a full disk, for them only."""
    _limit(children, most)
    try:
        yield
    finally:
        # Those too that were started meanwhile, and have it from their parents.
        _limit(children, None)


def _limit(children, most):
    for pid in [pid for child in children for pid in tree(child)]:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            soft = hard if most is None else most
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


# -- Wrong ----------------------------------------------------------------------------------------


@fault("the database's clock set back by two hours", serves=True)
def clock_back(chaos):
    # While something waits, which has the time of before.
    with frozen(chaos.worker):
        chaos.many_changes()
        chaos.step("-2 hours")
    yield


@fault("the database's clock set forward by two hours", serves=True)
def clock_forward(chaos):
    chaos.step("2 hours")
    yield


@fault("two beats", bound=ANSWERED, serves=True)
def two_beats(chaos):
    second = chaos.parts.beat()
    time.sleep(SECONDS)
    yield
    kill(second)


@fault("two workers, and one of them killed", bound=ANSWERED, serves=True)
def two_workers(chaos):
    second = chaos.start_worker()
    chaos.many_changes()
    until(chaos.in_a_batch, seconds=10, every=0.002)
    kill(second)
    yield
