#!/bin/sh
# Publishes one usage event to the hub and waits until the function app has counted it: identity,
# roles, hub, app and store all have to work for that. The tenant metering-smoke-test pays; bill it to
# nobody. Settings: those of first-deployment.sh, and METERING_SMOKE_SECONDS, how long to wait (300).
set -eu
cd "$(dirname "$0")/../.."

METERING=${METERING:-.venv/bin/metering}
: "${METERING_STORE:?is not set: cosmos://account/database, see the outputs of the deployment}"
export METERING_STORE
if [ -n "${USAGE_NAMESPACE:-}" ]; then
    export UsageHub__fullyQualifiedNamespace="$USAGE_NAMESPACE"
fi

tenant=metering-smoke-test
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
period=$(date -u +%Y-%m)
event=$(mktemp)
trap 'rm -f "$event"' EXIT INT TERM

requests() {
    "$METERING" balance "$tenant" --period "$period" --json |
        sed -n 's/.*"requests": *\([0-9][0-9]*\).*/\1/p' | head -n 1
}

"$METERING" tenants set "$tenant" --subscription "$tenant"
before=$(requests)

cat >"$event" <<END
{"specversion": "1.0", "type": "llm.usage.v1", "id": "smoke-$now-$$", "source": "/smoke-test", "time": "$now", "subject": "$tenant", "data": {"model": "gpt-4o-2024-11-20", "deployment_type": "global", "status": 200, "tokens": "final", "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}}}
END
"$METERING" replay "$event" --hub "${USAGE_HUB:-usage}"

seconds=${METERING_SMOKE_SECONDS:-300}
until [ "$(requests)" -gt "$before" ]; do
    seconds=$((seconds - 5))
    if [ "$seconds" -le 0 ]; then
        echo "The event was not counted. Look at exceptions in Application Insights, then at:" >&2
        echo "  metering dead-letters list" >&2
        echo "  metering status" >&2
        exit 1
    fi
    sleep 5
done
"$METERING" balance "$tenant" --period "$period"
echo "The event was counted: the deployment works."
