#!/usr/bin/env bash
# Builds the two servers that speak MongoDB's protocol and that the tests start, FerretDB and mongo-java-server, into a
# folder: needs Go 1.22, a JDK of 17 and Maven, and the registries of Go and Maven. Nothing else is left behind.
#
#   bash test/support/mongo-servers/build.sh [FOLDER]
#
# FOLDER is where the tests look, PARTYWALL_TEST_MONGO_SERVERS, or ~/.cache/partywall/mongo-servers unless told.
set -euo pipefail
cd "$(dirname "$0")"
folder=${1:-${PARTYWALL_TEST_MONGO_SERVERS:-$HOME/.cache/partywall/mongo-servers}}
PATH=$PATH:/usr/local/go/bin

mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A module cache is read-only unless told, and could then not be removed.
GOMODCACHE=$work/modules GOCACHE=$work/go go build -C ferretdb -mod=readonly -modcacherw -buildvcs=false -o "$work/ferretdb" .
mvn --batch-mode --quiet -f mongo-java-server/pom.xml -Dmaven.repo.local="$work/maven" \
  dependency:copy-dependencies -DoutputDirectory="$work/mongo-java-server"
javac -cp "$work/mongo-java-server/*" -d "$work/mongo-java-server" mongo-java-server/Serve.java

rm -rf "$folder/ferretdb" "$folder/mongo-java-server"
chmod 755 "$work/mongo-java-server"
mv "$work/ferretdb" "$work/mongo-java-server" "$folder"
ls "$folder"
