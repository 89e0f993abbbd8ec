"""Lints Dockerfile, compose.yaml and the proxy's configuration by reading them; starts nothing."""

import re
import sys
from pathlib import Path

import yaml

from portal.environment import REQUIRED

ROOT = Path(__file__).resolve().parent.parent
SERVICES = {"postgres", "valkey", "migrate", "web", "worker", "beat"}
PORTAL_SERVICES = {"migrate", "web", "worker", "beat"}
INSTRUCTIONS = {
    "FROM",
    "ARG",
    "ENV",
    "WORKDIR",
    "COPY",
    "RUN",
    "USER",
    "EXPOSE",
    "CMD",
    "HEALTHCHECK",
}


def main():
    problems = [*_dockerfile(), *_compose(), *_proxy()]
    print("\n".join(problems))
    return 1 if problems else 0


def _dockerfile():
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    lines = [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]
    for word, *_ in lines:
        if word not in INSTRUCTIONS:
            yield f"Dockerfile: {word} is not an instruction we use"
    arguments = [(word, rest[0]) for word, *rest in lines if rest]
    for word, value in arguments:
        if word == "FROM" and not re.search(r":\d", value):
            yield f"Dockerfile: FROM {value} names no version"
        if word == "COPY":
            *sources, _ = [part for part in value.split() if not part.startswith("--")]
            if "--from" not in value:
                yield from (
                    f"Dockerfile: COPY of {source}, which is not there"
                    for source in sources
                    if not (ROOT / source).exists()
                )
    users = [value for word, value in arguments if word == "USER"]
    if not users or users[-1] in {"root", "0"}:
        yield "Dockerfile: runs as root"
    if not any(word == "HEALTHCHECK" for word, _ in arguments):
        yield "Dockerfile: has no HEALTHCHECK"
    if "--require-hashes" not in text:
        yield "Dockerfile: installs packages without their hashes"


def _compose():
    text = (ROOT / "compose.yaml").read_text()
    compose = yaml.safe_load(text)
    services = compose["services"]
    if missing := SERVICES - services.keys():
        yield f"compose.yaml: lacks {', '.join(sorted(missing))}"
    for name, service in services.items():
        for other in service.get("depends_on", {}):
            if other not in services:
                yield f"compose.yaml: {name} depends on {other}, which is not there"
        image = service.get("image", "")
        if name not in PORTAL_SERVICES and not re.search(r":\d", image):
            yield f"compose.yaml: the image of {name} names no version"
        for mount in service.get("volumes", []):
            volume = mount.split(":")[0]
            if not volume.startswith((".", "/")) and volume not in compose.get("volumes", {}):
                yield f"compose.yaml: {name} mounts {volume}, which is not declared"
        if name in {"postgres", "valkey"} and service.get("ports"):
            yield f"compose.yaml: {name} is open to the world"
        if "healthcheck" not in service and name in {"postgres", "valkey", "web"}:
            yield f"compose.yaml: {name} has no healthcheck"
    yield from _settings(services)
    if re.search(r"^ *\w*(PASSWORD|SECRET_KEY|AUTH): +[^$\s]", text, re.MULTILINE):
        yield "compose.yaml: holds a secret"


def _settings(services):
    for name in sorted(PORTAL_SERVICES & services.keys()):
        given = services[name].get("environment", {})
        if missing := {name for name, _ in REQUIRED} - given.keys():
            yield f"compose.yaml: {name} is not given {', '.join(sorted(missing))}"


def _proxy():
    text = (ROOT / "docs" / "nginx.conf").read_text()
    if "proxy_set_header X-Forwarded-For $remote_addr;" not in text:
        yield "docs/nginx.conf: does not set X-Forwarded-For to the client's address alone"
    for logged in re.findall(r"log_format [^;]+;", text):
        if re.search(r"\$(request\b|request_uri|args|query_string|http_|cookie)", logged):
            yield "docs/nginx.conf: logs what may hold search words or cookies"


if __name__ == "__main__":
    sys.exit(main())
