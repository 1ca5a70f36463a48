#!/bin/sh
# Removes the stage STAGE: its stack, its tables with all that they hold, and its uploaded code. sam asks first, unless
# YES=1. Tables under deletion protection have to be released by a deploy with DeletionProtection=false.
set -eu
. "$(dirname "$0")/stage.sh"

sam delete --stack-name "$STACK" --region "$REGION" ${YES:+--no-prompts}
