"""How the records of today differ from those of an earlier build.

Belongs here: finding the records that state what others stated before, under whichever number. Does
not: what follows from it for pairs (`candidates`, `kept_pairs`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Changes:
    """How the records differ from those of an earlier build.

    `today`: by number before, the number of a record that states the same now; 0 for none.
    `gone`: numbers before of the records that nobody states any more. `touched`: numbers of the
    records that are new, or in another cluster.
    """

    today: Ints
    gone: Ints
    touched: Ints

    @property
    def is_renumbered(self) -> bool:
        """Whether a record has another number than it had."""
        return bool((self.today[self.today > 0] != np.flatnonzero(self.today)).any())


def find_changes(before: pa.Table, now: pa.Table) -> Changes:
    """Compare what records state; both tables have record_number, cluster, content.

    Their rows may stand in any order. Of several records that state the same those with a number of
    before keep it; of the others the first is the first of today, and so on.
    """
    numbers, clusters = (before[c].to_numpy() for c in ("record_number", "cluster"))
    numbers_now = now["record_number"].to_numpy()
    size = int(max(a.max(initial=0) for a in (numbers, clusters, numbers_now))) + 1
    contents, contents_now = before["content"].to_numpy(), now["content"].to_numpy()
    content_now = np.zeros(size, dtype=np.uint64)
    content_now[numbers_now] = contents_now
    is_there = np.zeros(size, dtype=np.bool_)
    is_there[numbers_now] = True
    # Most records have the number they had: the others only are looked for among all.
    is_in_place = is_there[numbers] & (content_now[numbers] == contents)
    today = np.zeros(size, dtype=np.int64)
    today[numbers[is_in_place]] = numbers[is_in_place]
    moved, moved_now = np.flatnonzero(~is_in_place), np.flatnonzero(today[numbers_now] == 0)
    # By number: which of equal records is the first.
    moved = moved[np.argsort(numbers[moved])]
    moved_now = moved_now[np.argsort(numbers_now[moved_now])]
    _, at_before, at_now = np.intersect1d(
        _told_apart(contents[moved]),
        _told_apart(contents_now[moved_now]),
        assume_unique=True,
        return_indices=True,
    )
    today[numbers[moved][at_before]] = numbers_now[moved_now][at_now]
    # Records of one cluster have one senior: where it is the same, so are those it is shared with.
    cluster_now = np.zeros(size, dtype=np.int64)
    cluster_now[numbers_now] = now["cluster"].to_numpy()
    senior = today[clusters]
    is_same = (today[numbers] > 0) & (senior > 0) & (senior == cluster_now[today[numbers]])
    is_touched = np.ones(size, dtype=np.bool_)
    is_touched[today[numbers[is_same]]] = False
    return Changes(today, numbers[today[numbers] == 0], numbers_now[is_touched[numbers_now]])


def _told_apart(contents: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return hashes of which the second, third of its kind is another number, always the same."""
    order = np.argsort(contents, kind="stable")
    ordered = contents[order]
    position = np.arange(ordered.size, dtype=np.uint64)
    is_first = np.append(True, ordered[1:] != ordered[:-1])[: ordered.size]
    place = position - np.maximum.accumulate(np.where(is_first, position, np.uint64(0)))
    apart = np.empty_like(ordered)
    apart[order] = ordered + place * np.uint64(0x9E3779B97F4A7C15)  # odd, without a pattern
    return apart
