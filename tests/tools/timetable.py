"""How long each notebook takes, and whether that is more than its share.

A notebook may take 30 s on two cores, those of numbers 18 to 21 a minute (CONTRIBUTING.md). How long it takes on the clock says
as much about what else the machine does at the time, so it is the processor time of its kernel that is held against the share,
as if two cores had worked all along: what it takes on them at the least. A slow machine is measured, and forgiven.
"""

import os
import platform
import statistics
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

CORES = 2
LIMIT = 2.0  # shares; who takes more fails
LOOP_SECONDS = 0.028  # what `slowness` times, on the machine that the shares refer to


def share(number: str) -> float:
    """Seconds that notebook ``number`` may take."""
    return 60.0 if number in ("18", "19", "20", "21", "22") else 30.0


def slowness() -> float:
    """How many times longer this machine takes for a loop than the one that the shares refer to: at least 1."""

    def loop():
        start, total = time.process_time(), 0
        for k in range(500_000):
            total += k * k % 7
        return time.process_time() - start

    return max(1.0, statistics.median(loop() for _ in range(3)) / LOOP_SECONDS)


def of_children() -> float:
    """Processor time of all processes started here that have ended, and of theirs, in seconds (on Windows: 0)."""
    times = os.times()
    return times.children_user + times.children_system


@dataclass(frozen=True)
class Entry:
    """A notebook's seconds on the clock and of processor time, and how slow the machine was then."""

    name: str
    wall: float
    cpu: float
    slowness: float

    @property
    def shares(self) -> float:
        """What it takes at the least on two idle cores of the machine that the shares refer to, in shares."""
        return self.cpu / self.slowness / CORES / share(self.name.partition("_")[0])

    @property
    def complaint(self) -> str | None:
        if self.shares <= LIMIT:
            return None
        return (
            f"{self.name} took {self.cpu:.0f} s of processor time on a machine {self.slowness:.1f} times slower than the one "
            f"that shares refer to: on two idle cores at least {self.shares:.1f} times its share of "
            f"{share(self.name.partition('_')[0]):.0f} s. Let it do less: fewer paths, steps or recompilations."
        )


def write(entries: list[Entry], root: Path) -> None:
    """Write the times of the course's notebooks among the entries into build/notebook_times.md, the slowest first."""
    ours = [entry for entry in entries if (root / "notebooks" / f"{entry.name}.ipynb").exists()]
    if not ours:
        return
    versions = f"Python {platform.python_version()}, jax {version('jax')}, {os.cpu_count()} cores"
    lines = [
        "# Times of the notebooks",
        "",
        f"{versions}; up to {max(entry.slowness for entry in ours):.1f} times slower than the machine that shares refer to. "
        f"A notebook that takes more than {LIMIT:g} shares fails.",
        "",
        "| Notebook | Clock, s | Processor, s | Shares, at the least |",
        "|---|---:|---:|---:|",
    ]
    for entry in sorted(ours, key=lambda entry: -entry.wall):
        lines.append(f"| {entry.name} | {entry.wall:.1f} | {entry.cpu:.1f} | {entry.shares:.2f} |")
    (root / "build").mkdir(exist_ok=True)
    (root / "build/notebook_times.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
