#!/bin/sh
# A real OpenSearch node on loopback, from Maven Central (77 MB on first use).
#
#   node.sh build BUILD              fetch and compile it into the folder BUILD, if it is not there yet
#   node.sh run   BUILD PORT DATA    be the node, its data in the folder DATA, until SIGTERM
#
# OPENSEARCH_JAVA_HOME names the JDK; without it the newest one found is taken. OPENSEARCH_HEAP is its heap (512m).
# OPENSEARCH_FAST=1 lets the compiler take its time: a slower start, and the speed that a figure should be about.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

fail() {
    echo "$1" >&2
    exit 1
}

# The major version of a JDK, nothing where there is none: `javac -version` says "javac 21.0.2".
version() {
    [ -x "$1/bin/javac" ] && "$1/bin/javac" -version 2>&1 | sed -n 's/^javac \([0-9]*\).*/\1/p'
}

find_jdk() {
    if [ -n "${OPENSEARCH_JAVA_HOME:-}" ]; then
        echo "$OPENSEARCH_JAVA_HOME"
        return
    fi
    best= newest=0
    on_path=$(command -v javac || true)
    for home in "${JAVA_HOME:-}" "${on_path%/bin/javac}" /usr/lib/jvm/* /Library/Java/JavaVirtualMachines/*/Contents/Home; do
        found=$(version "$home") || continue
        if [ "${found:-0}" -gt "$newest" ]; then
            newest=$found best=$home
        fi
    done
    echo "$best"
}

jdk=$(find_jdk)
[ "$(version "$jdk" || echo 0)" -ge 21 ] 2>/dev/null ||
    fail "OpenSearch needs a JDK 21 or newer: install one (https://adoptium.net), or name it with OPENSEARCH_JAVA_HOME=…"

build() {
    node=$1/OpenSearchNode.class
    if [ -e "$node" ] && [ -z "$(find "$here" -name '*.java' -newer "$node" -o -name pom.xml -newer "$node")" ]; then
        return
    fi
    command -v mvn >/dev/null 2>&1 ||
        fail "Maven is missing: install it (https://maven.apache.org/install, or your system's package maven); it fetches OpenSearch."
    rm -rf "$1"
    mkdir -p "$1"
    JAVA_HOME=$jdk mvn -q -B -f "$here/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DoutputDirectory="$(cd "$1" && pwd)/lib" -DincludeScope=runtime
    "$jdk/bin/javac" -cp "$1/lib/*" -d "$1" "$here/OpenSearchNode.java"
}

case "${1:-} $#" in
    "build 2")
        build "$2"
        ;;
    "run 4")
        # The first compiler alone halves the start.
        quick=-XX:TieredStopAtLevel=1
        [ -z "${OPENSEARCH_FAST:-}" ] || quick=
        exec "$jdk/bin/java" "-Xmx${OPENSEARCH_HEAP:-512m}" $quick --enable-native-access=ALL-UNNAMED -Dlog4j2.level=info \
            -cp "$2:$2/lib/*" OpenSearchNode "$3" "$4"
        ;;
    *)
        fail "usage: node.sh build BUILD | node.sh run BUILD PORT DATA"
        ;;
esac
