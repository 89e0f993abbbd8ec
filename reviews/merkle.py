"""A Merkle tree over hashes, as RFC 6962 has it: grow it, and prove what it holds.

    leaf = SHA-256(0x00 || text)          node = SHA-256(0x01 || left || right)

The tree of a log that only grows: a root of any earlier size can be worked out from the leaves, and
of a root nobody can take a leaf out, put one in or change one without making another root.
"""

from collections.abc import Callable, Iterator
from hashlib import sha256

TILE = 8
"""Roots of complete subtrees are worth keeping at each multiple of this height."""

Subtree = Callable[[int, int], bytes]
"""The root of the complete subtree that begins at a position and has so many leaves."""


def leaf_hash(text: bytes) -> bytes:
    return sha256(b"\x00" + text).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a tree: the roots of its complete subtrees, the largest first.

    It is all that growing a tree needs, and holds one hash for each one in the binary size.
    """

    def __init__(self, size: int = 0, parts: list[bytes] | None = None) -> None:
        self.size = size
        self.parts = list(parts or ())

    def append(self, leaf: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Add a leaf; gives the subtrees worth keeping that it completes: (level, index, root).

        A subtree of level n has 256 to the power of n leaves. Nothing is added before the
        generator has run to its end.
        """
        position, height, root = self.size, 0, leaf
        while position >> height & 1:
            root = node_hash(self.parts.pop(), root)
            height += 1
            if height % TILE == 0:
                yield height // TILE, position >> height, root
        self.parts.append(root)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        if not self.parts:
            return sha256(b"").digest()
        root = self.parts[-1]
        for part in reversed(self.parts[:-1]):
            root = node_hash(part, root)
        return root


def split(size: int) -> int:
    """The largest power of two below `size`, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1


def root_of(start: int, end: int, subtree: Subtree) -> bytes:
    """The root over the leaves from `start` up to, but without, `end`."""
    size = end - start
    if size & (size - 1) == 0:
        return subtree(start, size)
    middle = start + split(size)
    return node_hash(root_of(start, middle, subtree), root_of(middle, end, subtree))


def inclusion(position: int, size: int, subtree: Subtree) -> list[bytes]:
    """The hashes from a leaf to the root of the first `size` leaves, the nearest first."""
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if position < middle:
            path.append(root_of(middle, end, subtree))
            end = middle
        else:
            path.append(root_of(start, middle, subtree))
            start = middle
    return path[::-1]


def climbed(leaf: bytes, position: int, size: int, path: list[bytes]) -> bytes:
    """The root that a leaf leads to with the hashes of its proof."""
    start, end, sides = 0, size, []
    while end - start > 1:
        middle = start + split(end - start)
        sides.append(position < middle)
        start, end = (start, middle) if position < middle else (middle, end)
    root = leaf
    for is_left, other in zip(reversed(sides), path, strict=True):
        root = node_hash(root, other) if is_left else node_hash(other, root)
    return root


def consistency(before: int, size: int, subtree: Subtree) -> list[bytes]:
    """The hashes that show that the first `before` of `size` leaves are those they were."""
    path, start, end, whole = [], 0, size, True
    while before != end - start:
        middle = split(end - start)
        if before <= middle:
            path.append(root_of(start + middle, end, subtree))
            end = start + middle
        else:
            path.append(root_of(start, start + middle, subtree))
            start, before, whole = start + middle, before - middle, False
    if not whole:
        path.append(root_of(start, end, subtree))
    return path[::-1]


def frontier_of(size: int, subtree: Subtree) -> Frontier:
    """The right edge of the tree of the first `size` leaves."""
    parts, start = [], 0
    for height in reversed(range(size.bit_length())):
        if size >> height & 1:
            parts.append(subtree(start, 1 << height))
            start += 1 << height
    return Frontier(size, parts)
