"""Where a drill runs: PostgreSQL and Valkey of its own, and programs of a tree beside them."""

import sys

import psycopg
from drills.parts import Failed

from portal import embedded
from portal.processes import Child
from portal.supervisor import base_environment


class Ground:
    def __init__(self, home, supervisor):
        self.home = home
        self.supervisor = supervisor

    def start_servers(self, *options):
        """Start both servers; `options` go to PostgreSQL."""
        database = embedded.postgres(self.home)
        database.argv += options
        self.supervisor.add(database, wait=embedded.wait_for_postgres)
        self.supervisor.add(embedded.valkey(self.home), wait=embedded.wait_for_valkey)
        self.url = embedded.owner_url(self.home)
        return database

    def connect(self):
        """Connect as the owner of the tables, who sees every row."""
        # As Django does: nothing is prepared, so that a plan never outlives the table it is for.
        return psycopg.connect(self.url, autocommit=True, prepare_threshold=None)

    def env(self, tree):
        """Settings for what a tree serves with."""
        return base_environment(self.home) | {
            "DATABASE_URL": embedded.database_url(self.home) if _has_roles(tree) else self.url,
            "REDIS_URL": embedded.broker_url(self.home),
            "LOG_LEVEL": "WARNING",
            "PORTAL_VAR": str(self.home.path / f"var-{tree.name}"),
        }

    def manage(self, tree, *argv, **env):
        """Run manage.py of a tree; returns what it printed. Raises Failed where it fails."""
        command = [python_of(tree), str(tree / "manage.py"), *argv]
        settings = self.env(tree) | {"DATABASE_OWNER_URL": self.url} | env
        code, said = self.supervisor.run(command, env=settings, cwd=tree, quiet=True)
        if code:
            raise Failed(f"manage.py {argv[0]} ended with {code}: {said[-300:]}")
        return said

    def work_off(self, tree):
        """Have a worker and beat of a tree screen whoever waits; both are stopped then."""
        celery = [python_of(tree), "-m", "celery", "-A", "portal"]
        commands = {
            "worker": ("worker", "--pool=prefork", "--concurrency=2"),
            "beat": ("beat", "--pidfile="),
        }
        for name, options in commands.items():
            child = Child(
                name=name,
                argv=[*celery, *options],
                log=self.home.logs / f"{tree.name}-{name}.log",
                env=self.env(tree),
                cwd=tree,
            )
            self.supervisor.add(child)
        with self.connect() as connection:
            waiting = "SELECT count(*) FROM reviews_screeningrequest"
            while connection.execute(waiting).fetchone()[0]:
                self.supervisor.pause(0.3)
        for _ in commands:
            self.supervisor.wards.pop().child.stop()


def python_of(tree):
    """The Python that has the packages of a tree; ours where it was given none of its own."""
    own = tree / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable


def _has_roles(tree):
    """Whether this release serves as a role that owns no table; before, all served as the owner."""
    return (tree / "reviews" / "rights.py").exists()
