#!/usr/bin/env bash
# Surprise: the id of a key in the comment that py-minisign writes into a public key is not the id that minisign shows of
#   the same key: the bytes stand in the other order. Whoever compares ids of keys by eye takes one key for two.
# Good guess that is wrong: two programs for one format of keys call a key by one name.
# Versions: py-minisign 0.21.1, minisign 0.11 (Debian's package, where it is installed).
# Seen: "minisign public key 0102030405060708" for the id 01 02 03 04 05 06 07 08, which minisign, reading it as a number
#   whose lowest byte comes first, calls 0807060504030201.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check py-minisign==0.21.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import base64
from pathlib import Path

import minisign

pair = minisign.KeyPair.generate()
public = bytearray(base64.b64decode(pair.public_key.to_base64()))
public[2:10] = range(1, 9)
key = minisign.PublicKey.from_base64(base64.b64encode(bytes(public)))
comment = bytes(key).splitlines()[0].decode()
print(comment)
assert comment.endswith("minisign public key 0102030405060708")

Path("key.sec").write_bytes(bytes(pair.secret_key) + b"\n")
Path("by_py_minisign.pub").write_bytes(bytes(pair.public_key) + b"\n")
PYTHON
if command -v minisign >/dev/null; then
    # The tool makes the public key of the same secret key again.
    minisign -R -s key.sec -p by_minisign.pub >/dev/null </dev/null
    first=$(sed -n '1s/.* //p' by_py_minisign.pub)
    second=$(sed -n '1s/.* //p' by_minisign.pub)
    while [ ${#second} -lt 16 ]; do second=0$second; done # it leaves zeros in front out
    echo "py-minisign: $first, minisign: $second"
    test "$(sed -n 2p by_py_minisign.pub)" = "$(sed -n 2p by_minisign.pub)"
    test "$first" = "$(echo "$second" | fold -w2 | tac | tr -d '\n')"
fi
