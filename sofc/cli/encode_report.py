"""What became of each file that ``sofc encode`` met: lines for people, an object for programs, a status."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from sofc.cli.console import OK, PASSED_OVER, Console, count_of, message_of, ratio_line, size
from sofc.cli.outputs import Output

STORED, KEPT_WHOLE, SKIPPED, PASSED, REFUSED = "stored", "kept whole", "skipped", "passed over", "refused"
RESULTS = (STORED, KEPT_WHOLE, SKIPPED, PASSED, REFUSED)

JSON = """\
--json prints one object:
  files         a list of objects, one for each file:
    name          its path, or that of -o for a collection
    result        stored, kept whole, skipped (with --skip-existing), passed over or refused
    output        the sofc file; null where there is none, or it is standard output
    reason        why it was kept whole, skipped, passed over or refused, else null
    images        images stored, else 0
    bytes         of the file as it is on disk, or of what came by standard input; 0 where nothing is stored
    sample_bytes  of the samples, 0 where none are stored
    output_bytes  of the sofc file, else 0
    link          where it leads, of a link whose file was stored; else null
  stored, kept_whole, skipped, passed_over, refused   how many files each
  status        the exit status"""


@dataclass(frozen=True)
class Outcome:
    """What became of one file: the fields are those of ``JSON``."""

    name: str
    result: str
    output: Output | None = None
    reason: str | None = None
    images: int = 0
    bytes: int = 0
    sample_bytes: int = 0
    output_bytes: int = 0
    link: str | None = None


class Report:
    """Takes outcomes as they come."""

    def __init__(self, console: Console, *, as_json: bool) -> None:
        self._console = console
        self._as_json = as_json
        self._outcomes: list[Outcome] = []
        self._worst = OK

    def stored(self, outcome: Outcome, remark: str) -> None:
        """A sofc file is written."""
        path = Path(outcome.name)
        self._outcomes.append(replace(outcome, link=str(path.readlink()) if path.is_symlink() else None))
        if not self._as_json:
            self._console.result(ratio_line(outcome.name, outcome.bytes, outcome.output_bytes, remark))

    def passed_over(self, path: Path, reason: str) -> None:
        """Something in a folder is no image."""
        self._outcomes.append(Outcome(str(path), PASSED, reason=reason))
        self._console.passed_over(path, reason)

    def skipped(self, name: str, error: FileExistsError) -> None:
        """The output is there."""
        self._outcomes.append(Outcome(name, SKIPPED, reason=message_of(error)))
        if not self._as_json:
            self._console.result(f"{name}: skipped: {message_of(error)}")

    def refused(self, name: str, error: Exception) -> None:
        """A file cannot be stored."""
        self._outcomes.append(Outcome(name, REFUSED, reason=message_of(error)))
        self._worst = max(self._worst, self._console.error(error, name))

    @property
    def status(self) -> int:
        """The worst of all files."""
        if self._worst == OK and any(outcome.result == PASSED for outcome in self._outcomes):
            return PASSED_OVER
        return self._worst

    def close(self, *, has_folder: bool) -> int:
        """Say what became of all files, where there are several, and give the status."""
        counts = Counter(outcome.result for outcome in self._outcomes)
        if self._as_json:
            self._console.json(
                {
                    "files": [_as_json(outcome) for outcome in self._outcomes],
                    **{result.replace(" ", "_"): counts[result] for result in RESULTS},
                    "status": self.status,
                }
            )
        elif has_folder or len(self._outcomes) > 1:
            written = counts[STORED] + counts[KEPT_WHOLE]
            told = ", ".join(f"{counts[result]} {result}" for result in RESULTS if counts[result] or result != SKIPPED)
            before = sum(outcome.bytes for outcome in self._outcomes)
            after = sum(outcome.output_bytes for outcome in self._outcomes)
            name = count_of(written, "file")
            samples = sum(outcome.sample_bytes for outcome in self._outcomes)
            remark = f"{size(samples)} of samples  {told}" if samples else told
            line = ratio_line(name, before, after, remark) if written else f"{name}: {told}"
            self._console.result(line)
            if links := sum(outcome.link is not None for outcome in self._outcomes):
                self._console.note(f"{count_of(links, 'link')} followed: the files that come back are no links")
        return self.status


def _as_json(outcome: Outcome) -> dict[str, object]:
    fields = {field.name: getattr(outcome, field.name) for field in dataclasses.fields(outcome)}
    return fields | {"output": None if outcome.output is None else str(outcome.output.path)}
