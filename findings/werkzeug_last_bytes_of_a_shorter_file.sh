#!/usr/bin/env bash
# Surprise: Werkzeug answers a request for the last 500 bytes of a file that has only 100 with "416 Range Not
#   Satisfiable". RFC 9110, section 14.1.2: if the representation is shorter than the suffix length, all of it is used.
#   Whoever reads the end of a file first, as for a ZIP or TIFF directory, gets nothing of small files.
# Good guess that is wrong: a range that HTTP defines for files of any length is answered for files of any length.
# Versions: Werkzeug 3.1.9.
# Seen: bytes=-100 of 100 bytes is 206 with all of them, bytes=-101 and bytes=-500 are 416.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check werkzeug==3.1.9
"$work/venv/bin/python" - <<'PYTHON'
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.test import create_environ
from werkzeug.wrappers import Response

DATA = bytes(range(100))


def answer(asked):
    environ = create_environ(headers={"Range": asked})
    response = Response(DATA)
    try:
        response.make_conditional(environ, accept_ranges=True, complete_length=len(DATA))
    except RequestedRangeNotSatisfiable:
        return 416, 0
    return response.status_code, response.content_length


for asked, expected in (("bytes=-100", (206, 100)), ("bytes=-101", (416, 0)), ("bytes=-500", (416, 0))):
    found = answer(asked)
    print(asked, "of 100 bytes:", found)
    assert found == expected
PYTHON
