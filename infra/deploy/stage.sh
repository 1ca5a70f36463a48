# Read by the other scripts: the stage that they are about, and the tools of this repository.
cd "$(dirname "$0")/../.." || exit 1
: "${PREFIX:=new-science}" "${REGION:=eu-central-1}"
case ${STAGE:-local} in
local)
    echo "Name the stage, for example STAGE=dev. (The stage local is this machine's: \`make up\`, \`make down\`.)" >&2
    exit 2
    ;;
*[!a-z0-9-]*)
    echo "STAGE=$STAGE: a stage's name consists of a-z, 0-9 and hyphens." >&2
    exit 2
    ;;
esac
# cargo-lambda finds the cross-compiler (Zig) beside it.
PATH=$PWD/.tools/bin:$PATH
export PATH SAM_CLI_TELEMETRY=0
STACK=$PREFIX-$STAGE
