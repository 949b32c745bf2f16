#!/usr/bin/env python3
"""Coverage-guided fuzzing of one target with atheris (``pip install atheris``), or without it, by chance alone.

    tools/fuzz/run.py decode --seconds 600 --corpus FOLDER      what new inputs are found is kept there
    tools/fuzz/run.py decode --plain --seconds 60               no atheris
    tools/fuzz/run.py decode FILE ...                           try files again

The targets are those of targets.py. A finding ends the run: its input is written to the current folder (atheris) or
beside ``--findings``. Each target runs under limits of memory (2 GB) and time (20 s a try).
"""

from __future__ import annotations

import argparse
import hashlib
import heapq
import random
import re
import resource
import subprocess
import sys
import time
import traceback
from pathlib import Path

MEGABYTES, SECONDS = 2048, 20
ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]


def compiled_modules() -> list[str]:
    """The modules that hold kernels: numba cannot compile what atheris has changed. Found without importing any."""
    paths = (path for path in (ROOT / "sofc").rglob("*.py") if re.search(r"^@(kernel|inlined)", path.read_text(), re.M))
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]


def guided(name: str, corpus: Path, seconds: int) -> None:
    """Fuzz with atheris until the time is up."""
    import atheris  # type: ignore[import-untyped, unused-ignore]

    with atheris.instrument_imports(include=["sofc"], exclude=compiled_modules()):
        import targets
        from mutation import mutated

    corpus.mkdir(parents=True, exist_ok=True)
    for seed in targets.seeds(name):
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    target = targets.TARGETS[name]

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if chance.random() < 0.2:
            changed = atheris.Mutate(data, most)
        else:
            changed = mutated(data, chance, lambda body: bytes(atheris.Mutate(body, len(body) + 64)))
        return bytes(changed[:most])

    arguments = [sys.argv[0], f"-max_total_time={seconds}", f"-rss_limit_mb={MEGABYTES}", f"-timeout={SECONDS}"]
    atheris.Setup(
        [*arguments, "-max_len=131072", str(corpus)],
        lambda data: targets.run(target, data),
        custom_mutator=mutate if name in targets.FRAMED else None,
    )
    atheris.Fuzz()


def plain(name: str, seconds: float, findings: Path, seed: int) -> int:
    """Fuzz by chance until so many seconds of the processor are used. Returns how many findings there were."""
    import targets
    from mutation import changed, mutated

    resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES << 20,) * 2)
    chance = random.Random(seed)
    mutate = mutated if name in targets.FRAMED else changed
    # All seeds get the same time, so that those that take little are tried more often.
    used = [(0.0, number, origin) for number, origin in enumerate(targets.seeds(name))]
    began = now = time.process_time()
    tries = found = 0
    while now < began + seconds:
        spent, number, origin = used[0]
        data = mutate(origin, chance)
        started = now
        try:
            targets.run(targets.TARGETS[name], data)
        except Exception:
            found += 1
            findings.mkdir(parents=True, exist_ok=True)
            path = findings / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
            path.write_bytes(data)
            print(f"{path}:\n{traceback.format_exc()}", flush=True)
        now = time.process_time()
        if now - started > SECONDS:
            found += 1
            print(f"{name}: a try took {now - started:.0f} s", flush=True)
        heapq.heapreplace(used, (spent + now - started, number, origin))
        tries += 1
    print(f"{name}: {tries} tries in {now - began:.0f} s of the processor, {found} findings", flush=True)
    return found


def main() -> int:
    """Fuzz, or try files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, default=Path("corpus"))
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plain", action="store_true")
    arguments = parser.parse_args()
    if arguments.files:
        import targets

        for path in arguments.files:
            targets.run(targets.TARGETS[arguments.target], path.read_bytes())
        return 0
    # A kernel that is compiled within a try would count as one that hangs.
    subprocess.run([sys.executable, "-m", "sofc", "warmup"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    if arguments.plain:
        return 1 if plain(arguments.target, arguments.seconds, arguments.findings, arguments.seed) else 0
    guided(arguments.target, arguments.corpus, arguments.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
