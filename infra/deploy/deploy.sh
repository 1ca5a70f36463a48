#!/bin/sh
# Builds the functions for Lambda and deploys the stage STAGE. PARAMETERS="Name=value …" sets the template's parameters;
# sam keeps those of the former deploy for what is left out.
set -eu
. "$(dirname "$0")/stage.sh"

cargo-lambda lambda build --release --arm64 --output-format binary --lambda-dir "$PWD/target/lambda" --locked \
    -p subscriptions -p payments -p content-access -p resilience --bins
# shellcheck disable=SC2086 # PARAMETERS is a list
sam deploy \
    --template-file infra/template.yaml \
    --stack-name "$STACK" \
    --region "$REGION" \
    --resolve-s3 --s3-prefix "$STACK" \
    --capabilities CAPABILITY_IAM CAPABILITY_NAMED_IAM CAPABILITY_AUTO_EXPAND \
    --no-fail-on-empty-changeset \
    --parameter-overrides "Prefix=$PREFIX" "Stage=$STAGE" ${PARAMETERS:-}
