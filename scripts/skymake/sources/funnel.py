"""What became of the rows of a source, counted by reason."""

from typing import Any

EXAMPLES = 5


class Funnel:
    """What became of the rows: kept, with remarks, or dropped for a reason. Rows are named by their position alone."""

    def __init__(self) -> None:
        self.rows = self.kept = 0
        self.dropped: dict[str, list[int]] = {}
        self.remarked: dict[str, list[int]] = {}

    def keep(self, row: int, remarks: tuple[str, ...]) -> None:
        self.kept += 1
        for remark in remarks:
            self.remarked.setdefault(remark, []).append(row)

    def drop(self, row: int, reason: str) -> None:
        self.dropped.setdefault(reason, []).append(row)

    def summary(self) -> dict[str, Any]:
        counts = {
            part: {text: {"rows": len(rows), "first": rows[:EXAMPLES]} for text, rows in found.items()}
            for part, found in (("dropped", self.dropped), ("remarks", self.remarked))
        }
        return {"rows": self.rows, "kept": self.kept, **counts}
