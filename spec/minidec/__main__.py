"""Runs the decoder, as a package (`python -m minidec`) or as a folder (`python spec/minidec`)."""

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from minidec.command import main

sys.exit(main())
