"""Manual pages and completion are made from the parser, and say what it says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sofc.cli.__main__ import VERBS

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for module in ("shtab", "argparse_manpage"):
        pytest.importorskip(module, reason='needs the extra "manual": pip install "sofc[manual]"')
    folder = tmp_path_factory.mktemp("share")
    subprocess.run([sys.executable, ROOT / "tools" / "make_manual.py", folder], check=True, capture_output=True)
    return folder


def test_manual_pages(share: Path) -> None:
    pages = {path.stem: path.read_text() for path in (share / "man" / "man1").iterdir()}
    assert set(pages) == {"sofc", *(f"sofc-{verb}" for verb in VERBS)}
    for name, page in pages.items():
        assert page.startswith(f".TH {name.upper()} ") and f"\n{name} \\- " in page and "\n.nf\n" in page
    assert "\\-\\-skip\\-existing" in pages["sofc-encode"] and "exit status" in pages["sofc"]
    if shutil.which("man"):
        done = subprocess.run(
            ["man", "--warnings", "-E", "UTF-8", "-l", share / "man" / "man1" / "sofc-encode.1"],
            capture_output=True,
            text=True,
            check=True,
            env={"MANWIDTH": "100", "PATH": "/usr/bin:/bin"},
        )
        assert "--keep-file" in done.stdout and done.stderr == ""


def test_completion_in_bash(share: Path) -> None:
    """As bash asks for it: options of a verb, verbs, files."""
    script = share / "bash-completion" / "completions" / "sofc"

    def offered(*words: str) -> list[str]:
        asked = f"source {script}; COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _shtab_sofc"
        run = f'{asked}; printf "%s\\n" "${{COMPREPLY[@]}}"'
        done = subprocess.run(["bash", "-c", run], capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert set(offered("sofc", "''")) >= set(VERBS)
    assert "--skip-existing" in offered("sofc", "encode", "--s")
    assert offered("sofc", "decode", "--form") == ["--format"]


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_completion_in_other_shells(share: Path, shell: str) -> None:
    path = share / {"zsh": "zsh/site-functions/_sofc", "tcsh": "sofc.csh"}[shell]
    text = path.read_text()
    assert all(verb in text for verb in VERBS)
    if found := shutil.which(shell):
        subprocess.run([found, "-n", path], check=True, capture_output=True)
