"""Codebooks are passed on with signatures, and nothing is installed that somebody else signed or that was changed."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pytest
from helpers import raw_codebook
from PIL import Image

import sofc
from sofc.archive.making import Settings, archive
from sofc.cli.__main__ import main
from sofc.cli.codebook_sharing import PASSWORD_VARIABLE
from sofc.codebook import Codebook
from sofc.codebook.sharing import KEYS_VARIABLE, PLACES_VARIABLE
from sofc.codebook.store import SEARCH_PATH_VARIABLE
from sofc.errors import UsageError

minisign = pytest.importorskip("minisign", reason='needs the extra "signing": pip install "sofc[signing]"')

TOOL = shutil.which("minisign")
BOOK = raw_codebook("scans").stating(version="2.1", licence="CC-BY-4.0")
ID = BOOK.id.hex()[:32]
Run = Callable[..., tuple[int, str, str]]


class Keys:
    """A pair of keys in files."""

    def __init__(self, folder: Path, name: str, password: str = "") -> None:
        pair = minisign.KeyPair.generate()
        self.line = pair.public_key.to_base64().decode()
        self.public, self.secret = folder / f"{name}.pub", folder / f"{name}.key"
        self.public.write_bytes(bytes(pair.public_key) + b"\n")
        if password:
            pair.secret_key.encrypt(password, opslimit=1 << 15, memlimit=1 << 24)
        self.secret.write_bytes(bytes(pair.secret_key) + b"\n")


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where codebooks are installed: nothing is yet, and nobody is trusted."""
    folder = tmp_path / "user data"
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda *arguments, **keywords: str(folder))
    for variable in (SEARCH_PATH_VARIABLE, PLACES_VARIABLE, KEYS_VARIABLE, PASSWORD_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    return folder / "codebooks"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        try:
            status = main(["codebook", *map(str, arguments)])
        except SystemExit as end:
            assert isinstance(end.code, int)
            status = end.code
        return status, *capsys.readouterr()

    return call


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path, "mine")


@pytest.fixture
def shared(tmp_path: Path, keys: Keys, run: Run) -> Path:
    """A folder with a signed codebook."""
    (tmp_path / "book.sofcb").write_bytes(BOOK.to_bytes())
    folder = tmp_path / "shared by me"
    status, out, err = run(
        "export", tmp_path / "book.sofcb", "-o", folder, "--sign", keys.secret, "--comment", "ward 3"
    )
    assert (status, err) == (0, "")
    assert out == f"{folder / ID}.sofcb: codebook scans 2.1, licence CC-BY-4.0, signed\n"
    return folder


def test_from_one_to_another(shared: Path, keys: Keys, run: Run, installed: Path, tmp_path: Path) -> None:
    """Who has a file that needs a codebook gets it by id from a folder, and decodes."""
    image = np.arange(600, dtype=np.uint8).reshape(20, 30)
    coded = sofc.encode(image, codebook=BOOK)
    with pytest.raises(sofc.CodebookError, match=f"sofc codebook import {ID}"):
        sofc.decode(coded)
    status, out, err = run("import", ID, "--from", tmp_path / "nothing", "--from", shared, "--key", keys.public)
    assert (status, err) == (0, "")
    assert out.startswith(
        f"{shared / ID}.sofcb -> {installed / ID}.sofcb: codebook scans 2.1, licence CC-BY-4.0, signed by "
    )
    assert out.endswith(f": file:{ID}.sofcb\\thashed\\tward 3\n")
    assert np.array_equal(sofc.decode(coded), image)
    status, out, _ = run("verify", shared / f"{ID}.sofcb", "--key", keys.line, "--json")
    (told,) = json.loads(out)
    assert status == 0 and told["ok"] and (told["version"], told["licence"]) == ("2.1", "CC-BY-4.0")
    assert told["signed"]["comment"] == f"file:{ID}.sofcb\thashed\tward 3"


def test_settings_of_the_environment(
    shared: Path, keys: Keys, run: Run, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLACES_VARIABLE, f"nothing '{shared}'")
    monkeypatch.setenv(KEYS_VARIABLE, f"'{keys.public}' {Keys(tmp_path, 'other').line}")
    assert run("import", BOOK.id.hex().upper())[0] == 0 and len([*installed.iterdir()]) == 1
    monkeypatch.setenv(KEYS_VARIABLE, "'cut off")
    status, _, err = run("import", ID)
    assert status == 2 and err == f"sofc: {KEYS_VARIABLE}: No closing quotation\n"


def changed(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def line(number: int, change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """A change of one line of a signature."""

    def of_all(data: bytes) -> bytes:
        lines = data.splitlines()
        lines[number] = change(lines[number])
        return b"\n".join(lines) + b"\n"

    return of_all


def one_bit(data: bytes) -> bytes:
    return data[:-20] + bytes([data[-20] ^ 1]) + data[-19:]


def other_letter(data: bytes) -> bytes:
    """A character of base64 within a signature, behind the id of the key."""
    return data[:40] + (b"A" if data[40:41] != b"A" else b"B") + data[41:]


DAMAGE: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "changed file": (".sofcb", one_bit, "does not match its signature"),
    "longer file": (".sofcb", lambda data: data + b"\0", "does not match its signature"),
    "empty file": (".sofcb", lambda data: b"", "does not match its signature"),
    "changed signature": (".sofcb.minisig", line(1, other_letter), "does not match its signature"),
    "changed comment": (".sofcb.minisig", line(2, lambda text: text.replace(b"ward 3", b"ward 4")), "does not match"),
    "changed signature of the comment": (".sofcb.minisig", line(3, other_letter), "does not match its signature"),
    "no signature": (".sofcb.minisig", lambda data: b"", "no signature of minisign: invalid number of lines"),
    "another file": (".sofcb.minisig", lambda data: b"\x89PNG\r\n" * 9, "no signature of minisign"),
    "another algorithm": (".sofcb.minisig", line(1, lambda text: b"AA" + text[2:]), "unsupported signature algorithm"),
    "not UTF-8": (".sofcb.minisig", line(2, lambda text: text + b"\xff"), "invalid comment encoding"),
    "large signature": (".sofcb.minisig", lambda data: data * 99, "has more than 16384 bytes"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_was_changed_is_not_installed(name: str, shared: Path, keys: Keys, run: Run, installed: Path) -> None:
    suffix, change, reason = DAMAGE[name]
    path = shared / f"{ID}{suffix}"
    changed(path, change)
    for command in (["verify"], ["import"], ["import", "--from", shared]):
        wanted = ID if "--from" in command else shared / f"{ID}.sofcb"
        status, out, err = run(*command, wanted, "--key", keys.public)
        assert status == (4 if wanted == ID else 3) and out == ""
        assert err.startswith("sofc: ") and err.count("\n") == 1 and reason in err and str(shared) in err
    assert not installed.exists()


def test_others_are_not_trusted(shared: Path, run: Run, keys: Keys, installed: Path, tmp_path: Path) -> None:
    other = Keys(tmp_path, "other")
    path = shared / f"{ID}.sofcb"
    for wanted in ("verify", "import"):
        status, out, err = run(wanted, path, "--key", other.public)
        assert (status, out) == (3, "")
        assert err.startswith(f"sofc: {path} is signed with the key ") and err.endswith(", which is trusted\n")
    # Who puts a trusted key's id upon another key is found out all the same.
    forged = minisign.KeyPair.generate()
    forged.secret_key._keynum_sk.key_id[:] = minisign.SecretKey.from_file(keys.secret)._keynum_sk.key_id
    signature = forged.secret_key.sign(path.read_bytes(), trusted_comment="x")
    path.with_name(path.name + ".minisig").write_bytes(bytes(signature))
    status, _, err = run("import", path, "--key", keys.public)
    assert status == 3 and "does not match its signature" in err
    path.with_name(path.name + ".minisig").unlink()
    status, _, err = run("import", path, "--key", keys.public)
    assert status == 3 and err == f"sofc: {path} has no signature: there is no {path}.minisig\n"
    status, _, err = run("import", path)
    assert status == 2 and "whom to trust?" in err and err.count("\n") == 1
    assert not installed.exists()
    status, out, _ = run("import", path, "--unsigned")
    assert status == 0 and out.endswith(", not signed\n") and installed.exists()


def test_another_codebook_under_the_id(shared: Path, run: Run, keys: Keys, installed: Path, tmp_path: Path) -> None:
    """Even one that is signed by the same key."""
    other = raw_codebook("other")
    (tmp_path / "other.sofcb").write_bytes(other.to_bytes())
    assert run("export", tmp_path / "other.sofcb", "-o", tmp_path / "there", "--sign", keys.secret)[0] == 0
    for suffix in (".sofcb", ".sofcb.minisig"):
        shutil.copy(tmp_path / "there" / f"{other.id.hex()[:32]}{suffix}", shared / f"{ID}{suffix}")
    status, _, err = run("import", ID, "--from", shared, "--key", keys.public)
    assert status == 4 and f"is another codebook, id {other.id.hex()}" in err and not installed.exists()


def test_a_place_that_is_bad_does_not_hide_the_next(
    shared: Path, run: Run, keys: Keys, installed: Path, tmp_path: Path
) -> None:
    bad = Path(shutil.copytree(shared, tmp_path / "bad"))
    changed(bad / f"{ID}.sofcb", one_bit)
    status, out, err = run("import", ID, "--from", bad, "--from", shared, "--key", keys.public)
    assert status == 0 and str(shared) in out and err == "" and installed.exists()


def test_one_line_for_what_is_wrong(shared: Path, run: Run, keys: Keys, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no key\n")
    for arguments, status, reason in (
        (["import", ID, "--key", keys.public], 2, f"or in {PLACES_VARIABLE}"),
        (["import", ID, "--key", keys.public, "--from", tmp_path], 4, "does not have it"),
        (["import", "scans", "--key", keys.public], 1, "no such file or directory"),
        (["import", ID, "--key", tmp_path / "text", "--from", shared], 2, "no public key of minisign"),
        (["import", ID, "--key", tmp_path / "none", "--from", shared], 1, "no such file or directory"),
        (["verify", shared / f"{ID}.sofcb", "--key", keys.secret], 2, "no public key of minisign"),
        (["export", tmp_path / "book.sofcb", "-o", shared], 1, "exists already; -f overwrites it"),
        (["export", tmp_path / "book.sofcb", "-o", tmp_path / "a", "--sign", keys.public], 2, "cannot sign with it"),
        (["export", tmp_path / "book.sofcb", "-o", tmp_path / "a", "--comment", "x"], 2, "name a key with --sign"),
        (["export", shared, "-o", tmp_path / "a"], 2, "is a folder, and no archive"),
        (["import", "nonsense://a/b", "--unsigned"], 2, "nonsense://a/b: "),
        (["export", tmp_path / "book.sofcb", "-fo", shared, "--sign", keys.secret, "--comment", "é"], 2, "unprintable"),
    ):
        found = run(*arguments)
        assert found[0] == status and reason in found[2] and found[2].count("\n") == 1, found
    code = (
        "import sys; sys.modules['minisign'] = None; from sofc.cli.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "codebook", "verify", "x", "--key", keys.line]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr == 'sofc: signatures need py-minisign: pip install "sofc[signing]"\n'


def test_keys_with_passwords(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = Keys(tmp_path, "locked", "secret word")
    (tmp_path / "book.sofcb").write_bytes(BOOK.to_bytes())
    export = ("export", tmp_path / "book.sofcb", "-o", tmp_path / "there", "--sign", locked.secret)
    status, _, err = run(*export)
    assert status == 2 and PASSWORD_VARIABLE in err and not (tmp_path / "there").exists()
    monkeypatch.setenv(PASSWORD_VARIABLE, "another")
    status, _, err = run(*export)
    assert status == 2 and "wrong password" in err and not (tmp_path / "there").exists()
    monkeypatch.setenv(PASSWORD_VARIABLE, "secret word")
    assert run(*export)[0] == 0
    before = (tmp_path / "there" / f"{ID}.sofcb.minisig").read_bytes()
    assert run("verify", tmp_path / "there" / f"{ID}.sofcb", "--key", locked.public)[0] == 0
    assert run(*export, "-f")[0] == 0
    assert (tmp_path / "there" / f"{ID}.sofcb.minisig").read_bytes() == before, "same input, same bytes"


@pytest.mark.skipif(TOOL is None, reason="minisign is not installed: apt-get install minisign")
def test_the_tool_minisign_takes_them_and_makes_them(shared: Path, run: Run, keys: Keys, tmp_path: Path) -> None:
    path = shared / f"{ID}.sofcb"
    verify = [str(TOOL), "-V", "-m", str(path), "-p", str(keys.public)]
    done = subprocess.run(verify, capture_output=True, text=True)
    assert done.returncode == 0 and "Trusted comment: file:" in done.stdout and "ward 3" in done.stdout
    subprocess.run(
        [str(TOOL), "-G", "-W", "-f", "-p", tmp_path / "tool.pub", "-s", tmp_path / "tool.key"],
        check=True,
        capture_output=True,
    )
    id_ = (tmp_path / "tool.pub").read_text().split()[5].zfill(16)  # the tool leaves zeros in front out
    for options in ([], ["-l"]):  # the second as older releases signed
        sign = [str(TOOL), "-S", *options, "-s", tmp_path / "tool.key", "-m", path, "-t", "by the tool"]
        subprocess.run(sign, check=True, capture_output=True)
        status, out, err = run("verify", path, "--key", tmp_path / "tool.pub")
        assert status == 0 and out.endswith(f"signed by {id_}: by the tool\n"), err
    # A key of the tool signs here.
    assert run("export", "-f", tmp_path / "book.sofcb", "-o", shared, "--sign", tmp_path / "tool.key")[0] == 0
    done = subprocess.run([*verify[:-1], str(tmp_path / "tool.pub")], capture_output=True, text=True)
    assert done.returncode == 0
    changed(path, one_bit)
    assert subprocess.run([*verify[:-1], str(tmp_path / "tool.pub")], capture_output=True).returncode != 0


def test_urls_of_fsspec(shared: Path, run: Run, keys: Keys, installed: Path) -> None:
    fsspec = pytest.importorskip("fsspec", reason='needs the extra "archive": pip install "sofc[archive]"')
    memory = fsspec.filesystem("memory")
    for path in shared.iterdir():
        memory.pipe(f"/books/{path.name}", path.read_bytes())
    status, out, err = run(
        "import", ID, "--from", "memory://nothing", "--from", "memory://books/", "--key", keys.public
    )
    assert status == 0 and f"memory://books/{ID}.sofcb" in out and err == "" and installed.exists()
    assert run("verify", f"memory://books/{ID}.sofcb", "--key", keys.public)[0] == 0
    memory.pipe(f"/books/{ID}.sofcb", one_bit(BOOK.to_bytes()))
    assert run("verify", f"memory://books/{ID}.sofcb", "--key", keys.public)[0] == 3


@pytest.fixture
def web(shared: Path) -> Iterator[str]:
    """The folder by HTTP."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(shared))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_by_http(web: str, run: Run, keys: Keys, installed: Path) -> None:
    pytest.importorskip("fsspec", reason='needs the extra "archive": pip install "sofc[archive]"')
    pytest.importorskip("aiohttp", reason="fsspec reads http by it: pip install aiohttp")
    status, out, err = run("import", ID, "--from", f"{web}/none", "--from", web, "--key", keys.public)
    assert status == 0 and err == "" and f"{web}/{ID}.sofcb" in out and installed.exists()
    status, _, err = run("verify", f"{web}/none.sofcb", "--key", keys.public)
    assert status == 1 and err.count("\n") == 1
    status, _, err = run("import", ID, "--from", "http://127.0.0.1:1", "--key", keys.public)
    assert status == 4 and err.count("\n") == 1 and f"http://127.0.0.1:1/{ID}.sofcb: " in err


def test_those_of_an_archive(tmp_path: Path, run: Run, keys: Keys) -> None:
    (tmp_path / "tree").mkdir()
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "tree" / "a.png")
    made = tmp_path / "archive"
    archive(tmp_path / "tree", made, Settings(effort=1, train=False))
    status, _, err = run("export", made, "-o", tmp_path / "out")
    assert status == 2 and "has no codebooks of its own" in err
    (made / "codebooks").mkdir(exist_ok=True)
    (made / "codebooks" / f"{ID}.copy.sofcb").write_bytes(BOOK.to_bytes())
    (made / "codebooks" / f"{ID}.sofcb").write_bytes(one_bit(BOOK.to_bytes()))
    assert run("export", made, "-o", tmp_path / "out", "--sign", keys.secret)[0] == 0
    assert (tmp_path / "out" / f"{ID}.sofcb").read_bytes() == BOOK.to_bytes()


def test_what_a_codebook_states() -> None:
    plain = raw_codebook()
    assert (plain.version, plain.licence) == ("", "") and plain.stating() is plain
    read = Codebook.from_bytes(BOOK.to_bytes())
    assert (read.version, read.licence, read.name) == ("2.1", "CC-BY-4.0", "scans")
    assert read.provenance == "version: 2.1\nlicence: CC-BY-4.0\nmade for tests"
    assert Codebook("x", (), (), "licence: A\nversion: 1\nlicence: B").licence == "A"
    assert Codebook("x", (), (), "sofc 0\nlicence: A").licence == "", "only its first lines"
    for text in ("two\nlines", "a\x1b[0m"):
        with pytest.raises(UsageError):
            plain.stating(licence=text)


def test_training_states_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        Image.fromarray(np.random.default_rng(number).integers(0, 2, (16, 16)) > 0).save(tmp_path / f"{number}.png")
    book = tmp_path / "a.sofcb"
    train = [
        "train",
        str(tmp_path),
        "-o",
        str(book),
        "--coder",
        "shape",
        "--licence",
        "CC0-1.0",
        "--codebook-version",
        "3",
    ]
    assert main([*train[:-1], "3\n"]) == 2 and "one line" in capsys.readouterr().err and not book.exists()
    assert main(train) == 0
    assert main(["codebook", "show", str(book), "--json"]) == 0
    told = json.loads(capsys.readouterr().out.partition("{")[2].join(["{", ""]))
    assert (told["version"], told["licence"]) == ("3", "CC0-1.0") and "\nsofc " in told["provenance"]
