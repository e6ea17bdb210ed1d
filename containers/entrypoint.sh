#!/bin/sh
# Starts sdc in an image, or one of the other programs that it has.
set -eu
. /opt/sdc/environment.sh
case ${1:-} in
    python | python3 | sh | bash | ray | vllm) exec "$@" ;;
    sdc) shift ;;
esac
exec sdc "$@"
