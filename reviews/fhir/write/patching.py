"""A resource changed by JSON Patch (RFC 6902) or by a merge patch (RFC 7396)."""

import copy
from typing import Any

import jsonpatch
from jsonpointer import JsonPointerException

from reviews.fhir.write.exact import NotRead

MOST_OPERATIONS = 100


def patched(resource: dict[str, Any], operations: Any) -> dict[str, Any]:
    """The resource after the operations of a JSON Patch. Raises `NotRead`, and changes nothing."""
    if not isinstance(operations, list):
        raise NotRead("A JSON Patch is a list of operations.")
    if len(operations) > MOST_OPERATIONS:
        raise NotRead(f"A patch has at most {MOST_OPERATIONS} operations here.", "", "too-costly")
    try:
        found = jsonpatch.JsonPatch(operations).apply(copy.deepcopy(resource))
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
