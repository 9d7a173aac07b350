# Sourced by the other scripts: where things are, how they talk, and how a release is built.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
RELEASE="$ROOT/.build-release/release"
VENV="$ROOT/.venv"
# One clock for all scripts of a run, so that the times in a log add up.
export SCRIPTS_STARTED=${SCRIPTS_STARTED:-$(date +%s)}

# Says what happens next, with the minutes and seconds since the run began.
say() {
    local elapsed=$(($(date +%s) - SCRIPTS_STARTED))
    printf '[%2d:%02d] %s\n' $((elapsed / 60)) $((elapsed % 60)) "$*" >&2
}

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# The comment block at the top of the calling script is its help.
usage() {
    sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
    exit "${1:-0}"
}

# A toolchain of swiftly is found even when its shell profile was not read.
find_swift() {
    command -v swift >/dev/null && return
    local home=${SWIFTLY_HOME_DIR:-$HOME/.local/share/swiftly}
    [ -x "$home/bin/swift" ] && export PATH="$home/bin:$PATH"
    command -v swift >/dev/null
}

# Builds the release that scripts/run starts and the end-to-end tests drive.
#
# Exclusivity is checked in every debug build and test; the release leaves the check out, dependencies included, which
# is a fifth of the time spent in user code. Flags of their own need a folder of their own, or each build would undo
# the other.
build_release() {
    if [ ! -x "$RELEASE/gatehouse" ]; then
        say "Building the release. The first build takes about 10 minutes on 2 cores; later ones take seconds."
    else
        say "Building the release"
    fi
    build_product gatehouse-supervisor && build_product gatehouse
}

# Builds one product as the release is built.
build_product() {
    swift build --package-path "$ROOT" --scratch-path "$ROOT/.build-release" --configuration release \
        --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked --product "$1" >&2
}
