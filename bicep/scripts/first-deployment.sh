#!/bin/sh
# After the app has been deployed: looks at the store, takes the prices over, puts the default plan in
# force, and counts one event. Doing it again changes nothing but the count of the smoke test.
#
# METERING_STORE        cosmos://account/database (azd sets it from the outputs)
# USAGE_NAMESPACE       host of the namespace of usage events (the same)
# METERING_API          https://host of the function app, GATEWAY_PRINCIPAL_ID the gateway's identity (the same):
#                       with them it says how to finish sign-in
# METERING_PRICES       a source of `metering prices import`; default: azure, the list that comes with it
# METERING_DEFAULT_PLAN a plan file; default: the built-in plan at list prices
# METERING              the command; default: .venv/bin/metering
set -eu
cd "$(dirname "$0")/../.."

METERING=${METERING:-.venv/bin/metering}
export METERING
[ -x "$METERING" ] || make venv
: "${METERING_STORE:?is not set: cosmos://account/database, see the outputs of the deployment}"
export METERING_STORE
if [ -n "${USAGE_NAMESPACE:-}" ]; then
    export UsageHub__fullyQualifiedNamespace="$USAGE_NAMESPACE"
fi

# Roles given a moment ago take minutes to hold.
echo "The store:"
tries=${METERING_TRIES:-20}
until "$METERING" init; do
    tries=$((tries - 1))
    if [ "$tries" -le 0 ]; then
        echo "The store cannot be used: is your identity among operatorPrincipalIds?" >&2
        exit 1
    fi
    sleep 30
done

echo "Prices:"
"$METERING" prices import "${METERING_PRICES:-azure}" --limit 1 >/dev/null
"$METERING" prices list --model gpt-4o --deployment-type global

echo "The default plan:"
if [ -n "${METERING_DEFAULT_PLAN:-}" ]; then
    "$METERING" plans set "$METERING_DEFAULT_PLAN"
fi
"$METERING" plans show default >/dev/null
"$METERING" plans list

if [ -n "${METERING_API:-}" ]; then
    echo "Sign-in, by somebody who may register applications (docs/operations.md):"
    echo "  METERING_HOSTS=${METERING_API#https://} GATEWAY_PRINCIPAL_ID=${GATEWAY_PRINCIPAL_ID:-OBJECT_ID} METERING_OPERATORS_GROUP=OBJECT_ID \\"
    echo "      az deployment sub create --name metering-entra --location LOCATION --parameters bicep/entra.bicepparam"
fi

sh bicep/scripts/smoke-test.sh
