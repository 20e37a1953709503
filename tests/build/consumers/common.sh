# What the consumers share. Read by them, in an empty folder of their own; `here` is the folder of the scripts.
set -eu
LD_LIBRARY_PATH=$LIBDIR${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
OMP_WAIT_POLICY=passive
export LD_LIBRARY_PATH OMP_WAIT_POLICY PKG_CONFIG_PATH
project=$here/project
strict='-Wall -Wextra -Wpedantic -Werror'

# need COMMAND...: else this consumer is skipped.
need() {
    for command in "$@"; do
        if ! command -v "$command" >/dev/null 2>&1; then
            echo "$command is not there"
            exit 77
        fi
    done
}

say() { echo "said: $*"; }

# have NAME: was the library beside the core installed?
have() { [ -e "$LIBDIR/liballocarrays-$1.so" ]; }

# refused COMMAND...: it must fail.
refused() {
    if "$@" >refused.log 2>&1; then
        cat refused.log
        echo "this should have failed: $*"
        exit 1
    fi
}
