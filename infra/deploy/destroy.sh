#!/bin/sh
# Removes the stage STAGE: its stack, its tables with all that they hold, and its uploaded code. sam asks first, unless
# YES=1. What is under deletion protection stays until a deploy with PARAMETERS="DeletionProtection=false …" releases it.
set -eu
. "$(dirname "$0")/stage.sh"

sam delete --stack-name "$STACK" --region "$REGION" ${YES:+--no-prompts}
