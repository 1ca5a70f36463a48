#!/bin/sh
# Makes the Python environment $1 from the pinned, hashed requirements $2, unless it was made from the same ones.
# The lock is complete, so pip has nothing to resolve; `pip check` proves it.
set -eu
environment=$1
requirements=$2
stamp=$environment/requirements.txt

cmp -s "$requirements" "$stamp" && exit 0

python=$(sh "$(dirname "$0")/check-tools.sh" python)
echo "  installing $requirements into $environment …"
rm -rf "$environment"
"$python" -m venv "$environment"
"$environment/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check --no-deps --require-hashes -r "$requirements"
"$environment/bin/python" -m pip check --disable-pip-version-check >/dev/null
cp "$requirements" "$stamp"
