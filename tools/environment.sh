# Sourced by tools/test and tools/demo: finds or makes a Python environment that has what they need.
#
# use_environment EXTRA   sets $python to an interpreter that has sofc (this tree, editable), its dependencies
#                         and those of the extra EXTRA of pyproject.toml. That is the active virtual
#                         environment where it has everything already, otherwise `.venv` in this tree, which is
#                         made and filled on first use. An active environment is never changed.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Succeeds where interpreter $1 has all that extra $2 asks for, and imports sofc from this tree.
has_everything() {
    "$1" - "$root" "$2" 2>/dev/null <<'PYTHON'
import importlib.metadata
import importlib.util
import pathlib
import sys
import tomllib

from pip._vendor.packaging.requirements import Requirement

root, extra = pathlib.Path(sys.argv[1]), sys.argv[2]
project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = project["optional-dependencies"]
for line in project["dependencies"] + extras["compiler"] + extras[extra]:
    requirement = Requirement(line)
    if importlib.metadata.version(requirement.name) not in requirement.specifier:
        sys.exit(1)
sys.path.pop(0)  # the working folder, which may be this tree
importlib.metadata.version(project["name"])
importlib.util.find_spec("_sofc_autoload") or sys.exit(1)  # installed before there was this file
package = importlib.util.find_spec("sofc")
sys.exit(not (package and package.origin and pathlib.Path(package.origin).is_relative_to(root)))
PYTHON
}

# Prints an interpreter that can make the environment: Python 3.11 or later, with venv.
find_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "No Python 3.11 or later with the venv module was found. Install one" \
        "(on Debian and Ubuntu: apt install python3 python3-venv) and run this again." >&2
    return 1
}

use_environment() {
    local extra=$1 base
    if [ -n "${VIRTUAL_ENV:-}" ] && has_everything "$VIRTUAL_ENV/bin/python" "$extra"; then
        python=$VIRTUAL_ENV/bin/python
        return
    fi
    python=$root/.venv/bin/python
    if has_everything "$python" "$extra"; then
        return
    fi
    if ! "$python" -c 'import pip' 2>/dev/null; then
        base=$(find_python) || return
        echo "Making the environment $root/.venv with $("$base" --version)"
        "$base" -m venv "$root/.venv" || return
    fi
    echo "Installing sofc and what it needs into $root/.venv"
    "$python" -m pip install --quiet --editable "$root[$extra]"
}
