"""Bulk exports and imports as a system sees them."""

import json
from datetime import timedelta
from urllib.parse import urlsplit

from django.core.cache import cache
from django.utils import timezone

from reviews import jobs
from reviews.models import Job
from reviews.tasks import KINDS

NDJSON = "application/fhir+ndjson"


def path_of(url):
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc) == ("http", "testserver"), url
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def work(slices=None, *, seconds=0.0):
    """Have jobs done, all of them or so many slices, as if each were due at once."""
    done = 0
    while slices is None or done < slices:
        Job.objects.unfinished().update(not_before=timezone.now() - timedelta(seconds=1))
        if not jobs.waiting():
            return
        jobs.work(KINDS, seconds=seconds)
        done += 1


def begin(system, path="$export", query=None, **headers):
    """The path of the status of an export that was asked for."""
    answer = system.get(path, query, **headers)
    assert answer.status_code == 202, answer.content
    return path_of(answer["Content-Location"])


def manifest(system, status):
    cache.clear()
    answer = system.get(status)
    assert answer.status_code == 200, answer.content
    return answer.json()


def lines(system, url, **headers):
    answer = system.get(path_of(url), **headers)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == NDJSON
    content = b"".join(answer.streaming_content)
    assert not content or content.endswith(b"\n")
    return content.splitlines()


def resources(system, made, member="output"):
    """`{type: [resource, ...]}` of all files of a manifest, each of one type and of its count."""
    found = {}
    for file in made[member]:
        several = [json.loads(one) for one in lines(system, file["url"])]
        assert file["count"] == len(several)
        assert {one["resourceType"] for one in several} == {file["type"]}
        found.setdefault(file["type"], []).extend(several)
    return found


def exported(system, path="$export", query=None, **headers):
    """`(manifest, resources)` of an export from begin to end."""
    status = begin(system, path, query, **headers)
    work()
    made = manifest(system, status)
    return made, resources(system, made)


def ids(found, type_name="Patient"):
    return [one["id"] for one in found.get(type_name, [])]
