#!/bin/sh
# Builds the functions for Lambda and deploys the stage STAGE. PARAMETERS="Name=value …" sets the template's parameters;
# sam keeps those of the former deploy for what is left out. A value in PARAMETERS holds neither a space nor a quote, so the
# gates' knobs, which are JSON objects, have variables of their own; each holds all knobs of its gate, as it replaces them:
#
#     make deploy STAGE=dev FRAUD_GATE='{"ratePerSecond": 5, "burst": 5, "callTimeoutMs": 15000, "callSlackMs": 2000,
#         "maxWaitMs": 600000, "maxBreakDurationMs": 100000, "storeUnreachable": "allow"}'
#
# FRAUD_GATE and PAYMENT_GATE are FraudGate and PaymentGate of infra/template.yaml, which says what a gate needs.
set -eu
. "$(dirname "$0")/stage.sh"

# Before the build, which takes minutes.
set -- "Prefix=$PREFIX" "Stage=$STAGE"
if [ -n "${FRAUD_GATE:-}" ]; then
    knobs=$(python3 infra/deploy/knobs.py FRAUD_GATE)
    set -- "$@" "FraudGate=$knobs"
fi
if [ -n "${PAYMENT_GATE:-}" ]; then
    knobs=$(python3 infra/deploy/knobs.py PAYMENT_GATE)
    set -- "$@" "PaymentGate=$knobs"
fi

cargo-lambda lambda build --release --arm64 --output-format binary --lambda-dir "$PWD/target/lambda" --locked \
    -p subscriptions -p payments -p content-access -p resilience -p strangler --bins
# shellcheck disable=SC2086 # PARAMETERS is a list
sam deploy \
    --template-file infra/template.yaml \
    --stack-name "$STACK" \
    --region "$REGION" \
    --resolve-s3 --s3-prefix "$STACK" \
    --capabilities CAPABILITY_IAM CAPABILITY_NAMED_IAM CAPABILITY_AUTO_EXPAND \
    --no-fail-on-empty-changeset \
    --parameter-overrides "$@" ${PARAMETERS:-}
