#!/bin/sh
# Replaces the code of one function of the stage STAGE: the inner loop. The next `make deploy` overwrites it.
set -eu
if [ -z "${NAME:-}" ]; then
    echo "Name the function, for example NAME=payments-task." >&2
    exit 2
fi
. "$(dirname "$0")/stage.sh"

cargo-lambda lambda build --release --arm64 --output-format binary --lambda-dir "$PWD/target/lambda" --locked --bin "$NAME"
cargo-lambda lambda deploy --region "$REGION" --lambda-dir "$PWD/target/lambda" --binary-name "$NAME" "$STACK-$NAME"
