"""A resource changed by JSON Patch (RFC 6902) or by a merge patch (RFC 7396)."""

import copy
from typing import Any

import jsonpatch
from jsonpointer import JsonPointerException

from reviews.fhir.write.exact import NotRead

MOST_OPERATIONS = 100
LARGEST = 1024 * 1024
"""Values and signs of a resource; a body is no larger."""


def patched(resource: dict[str, Any], operations: Any) -> dict[str, Any]:
    """The resource after the operations of a JSON Patch. Raises `NotRead`, and changes nothing."""
    if not isinstance(operations, list):
        raise NotRead("A JSON Patch is a list of operations.")
    if len(operations) > MOST_OPERATIONS:
        raise NotRead(f"A patch has at most {MOST_OPERATIONS} operations here.", "", "too-costly")
    try:
        found = _one_by_one(copy.deepcopy(resource), operations)
    except jsonpatch.JsonPatchTestFailed as error:
        raise NotRead(f"A test of the patch failed: {error}"[:300], "", "business-rule") from error
    except (
        jsonpatch.JsonPatchException,
        JsonPointerException,
        # What the library lets through of operations that are none.
        *(TypeError, KeyError, IndexError, AttributeError, ValueError),
    ) as error:
        raise NotRead(f"The patch cannot be applied: {error}"[:300]) from error
    if not isinstance(found, dict):
        raise NotRead("The patch leaves no resource.")
    return found


def _one_by_one(found: Any, operations: list[Any]) -> Any:
    """What the operations make. A copy of a list into itself doubles it, so each is looked at."""
    for each in operations:
        found = jsonpatch.JsonPatch([each]).apply(found, in_place=True)
        if each["op"] == "copy" and _is_larger(found):
            raise NotRead("The patch makes more than a resource may be.", "", "too-costly")
    return found


def _is_larger(content: Any) -> bool:
    """Whether there is more in something than in the largest resource."""
    left, size = [content], 0
    while left and size <= LARGEST:
        each = left.pop()
        size += 1
        if isinstance(each, dict):
            size += sum(map(len, each))
            left += each.values()
        elif isinstance(each, list):
            left += each
        elif isinstance(each, str):
            size += len(each)
    return size > LARGEST


def merged(resource: dict[str, Any], changes: Any) -> dict[str, Any]:
    """The resource with the members of a merge patch; null takes one away."""
    if not isinstance(changes, dict):
        raise NotRead("A merge patch is an object.")
    return _merge(resource, changes)


def _merge(target: Any, changes: Any) -> Any:
    if not isinstance(changes, dict):
        return changes
    kept = dict(target) if isinstance(target, dict) else {}
    for name, value in changes.items():
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = _merge(kept.get(name), value)
    return kept
