"""Our own PostgreSQL and Valkey: what was committed survives a kill, in whatever folder."""

import os
import signal
import socket
import stat

import psycopg
import pytest
import redis

from portal import embedded
from portal.local import Held, Home, Refused
from tests.portal.folders import enterable

pytestmark = pytest.mark.supervisor


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home in a folder that is deep and has spaces and quotes in its name."""
    folder = enterable(tmp_path_factory.mktemp("some where"))
    return Home(folder / ("deep" * 30) / 'with "quotes"')


@pytest.fixture(scope="module")
def postgres(home):
    child = embedded.postgres(home)
    child.start()
    embedded.wait_for_postgres(home, child)
    yield child
    child.stop()


@pytest.fixture(scope="module")
def valkey(home):
    child = embedded.valkey(home)
    child.start()
    embedded.wait_for_valkey(home, child)
    yield child
    child.stop()


def query(home, sql):
    with psycopg.connect(embedded.owner_url(home), autocommit=True) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else None


def kill(child):
    os.kill(child.process.pid, signal.SIGKILL)
    child.process.wait()
    assert child.ended() == "killed by SIGKILL"


def test_committed_rows_survive_a_killed_postgres(home, postgres):
    query(home, "CREATE TABLE kept AS SELECT generate_series(1, 10000) AS n")
    kill(postgres)
    postgres.start()
    embedded.wait_for_postgres(home, postgres)
    assert query(home, "SELECT count(*) FROM kept") == [(10000,)]


def test_a_pid_file_with_somebody_elses_number_is_no_obstacle(home, postgres):
    kill(postgres)
    pid_file = home.path / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    postgres.start()
    embedded.wait_for_postgres(home, postgres)
    assert query(home, "SELECT 1") == [(1,)]


def test_postgres_wants_the_password(home, postgres):
    wrong = embedded.owner_url(home).replace(home.state()["database_password"], "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_postgres_listens_on_this_machine_only(home, postgres):
    assert query(home, "SHOW listen_addresses") == [("127.0.0.1",)]
    assert query(home, "SHOW unix_socket_directories") == [("",)]


def test_writes_survive_a_killed_valkey(home, valkey):
    with redis.Redis.from_url(embedded.broker_url(home)) as client:
        for number in range(1000):
            client.rpush("kept", number)
    kill(valkey)
    valkey.start()
    embedded.wait_for_valkey(home, valkey)
    with redis.Redis.from_url(embedded.broker_url(home)) as client:
        assert client.llen("kept") == 1000


def test_valkey_wants_the_password_and_does_not_show_it(home, valkey):
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=home.state()["broker_port"], retry=None).ping()
    assert home.state()["broker_password"] not in " ".join(valkey.argv)


def test_secrets_are_for_their_owner_only(home, postgres):
    assert stat.S_IMODE((home.path / "local.json").stat().st_mode) == 0o600
    assert not (home.path / "initdb-password").exists()


def test_a_taken_port_is_given_up_and_the_new_one_remembered(tmp_path):
    home = Home(tmp_path / "var")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        home._write(home.path / "local.json", home.state() | {"database_port": taken})
        chosen = home.port("database")
    assert chosen != taken
    assert home.port("database") == chosen


def test_secrets_stay_the_same(tmp_path):
    home = Home(tmp_path / "var")
    assert home.state() == Home(tmp_path / "var").state()


def test_a_home_is_held_by_one_command_at_a_time(tmp_path):
    home = Home(tmp_path / "var")
    with home.lock({"command": "up", "address": "http://127.0.0.1:8000"}):
        with pytest.raises(Held, match=r"already running here at http://127.0.0.1:8000"):
            home.lock({"command": "up"})
        with pytest.raises(Held):
            home.remove()
    home.remove()
    assert [path.name for path in home.path.iterdir()] == ["running"]


def test_a_home_of_another_user_is_refused(tmp_path, monkeypatch):
    home = Home(tmp_path / "var")
    home.prepare()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(Refused, match="made by another user"):
        home.prepare()
