# Starting and stopping the demo's servers. Sourced by ops/demo/run.
# shellcheck shell=bash

NGINX=/usr/sbin/nginx
# What was built for the demo.
built=dist/demo
LOAD=${CARGO_TARGET_DIR:-$PWD/target}/demo/keyward-load
# The process ids to end, and what listens where.
declare -A process=() port=()
demo=

prepare_folder() {
    trap stop_everything EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    demo=$(mktemp -d /tmp/keyward-demo.XXXXXX)
    # nginx's workers run as another user and pass through here.
    chmod 755 "$demo"
}

stop_everything() {
    local status=$? name
    trap '' INT TERM HUP
    trap - EXIT
    finish_progress
    [ "$status" = 0 ] || explain_failure
    for name in "${!process[@]}"; do
        stop "$name"
    done
    [ -z "$demo" ] || rm -rf "$demo"
    exit "$status"
}

# What the servers said last, for one who has to find out why the demo failed.
explain_failure() {
    local log
    for log in "$demo"/*.log "$demo"/*/*.log; do
        [ -s "$log" ] || continue
        printf -- '--- the end of %s\n' "${log#"$demo"/}" >&2
        tail -n 5 "$log" >&2
    done
}

stop() {
    local pid=${process[$1]}
    kill "$pid" 2>/dev/null || true
    local tries=100
    while kill -0 "$pid" 2>/dev/null && ((tries-- > 0)); do sleep 0.05; done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    unset "process[$1]"
}

keyward() {
    KEYWARD_ADDRESS="unix:$demo/service/hsm.sock" "$built/bin/keyward" "$@"
}

start_service() {
    progress "Starting the service"
    mkdir -p "$demo/service"
    local allow=()
    # As root nginx drops its workers' rights to this user.
    [ "$(id -u)" != 0 ] || allow=(--allow-user www-data)
    "$built/bin/keyward" serve --dev --state "$demo/service" "${allow[@]}" \
        >>"$demo/service.log" 2>&1 &
    process[service]=$!
    keyward status --wait 20 >/dev/null
}

# start_nginx NAME [with_provider]: the shipped nginx.conf, moved to the folder of NAME and a
# free port. Without the provider it is nginx as everybody runs it.
start_nginx() {
    local folder=$demo/$1 environment=()
    port[$1]=$(free_port)
    mkdir -p "$folder/conf.d" "$folder/html" "$folder/temp"
    printf 'Hello from nginx.\n' >"$folder/html/index.html"
    sed -e "s#/etc/keyward/tls#$folder/tls#; s#/etc/nginx/conf.d#$folder/conf.d#" \
        -e "s#listen 443#listen 127.0.0.1:${port[$1]}#; s#/var/www/html#$folder/html#" \
        nginx-conf/nginx.conf >"$folder/nginx.conf"
    {
        echo "access_log off;"
        local use
        for use in client_body proxy fastcgi uwsgi scgi; do
            echo "${use}_temp_path $folder/temp/$use;"
        done
    } >"$folder/conf.d/demo.conf"
    if [ "${2-}" = with_provider ]; then
        use_store_uri "$1" "$folder/nginx.conf"
        environment=(
            OPENSSL_CONF="$PWD/nginx-conf/openssl.cnf"
            OPENSSL_MODULES="$PWD/$built/lib/ossl-modules"
            KEYWARD_ADDRESS="unix:$demo/service/hsm.sock"
        )
    fi
    env "${environment[@]}" "$NGINX" -p "$folder" -c "$folder/nginx.conf" -e "$folder/error.log" \
        -g "pid $folder/nginx.pid; error_log $folder/error.log; daemon off;" \
        2>>"$folder/start.log" &
    process[$1]=$!
    wait_for_port "${port[$1]}" "$1"
}

# nginx 1.29 and later need no reference file.
use_store_uri() {
    if takes_store_uris; then
        sed -i "s#ssl_certificate_key .*;.*<==.*#ssl_certificate_key store:keyward:$1;#" "$2"
    fi
}

takes_store_uris() {
    at_least "$(nginx_version)" 1.29
}

nginx_version() {
    "$NGINX" -v 2>&1 | sed -n 's|.*nginx/\([0-9.]*\).*|\1|p'
}

at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

start_java() {
    port[$1]=$(free_port)
    KEYWARD_ADDRESS="unix:$demo/service/hsm.sock" \
        java -cp "$built/java/keyward-jce.jar" java/demo/HttpsDemo.java "${port[$1]}" "$1" \
        >"$demo/java.log" 2>&1 &
    process[$1]=$!
    wait_for_port "${port[$1]}" "$1"
}

next_port=8443
free_port() {
    local candidate
    for ((candidate = next_port; candidate < 9000; candidate++)); do
        if [[ " ${port[*]} " != *" $candidate "* ]] && ! listens "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo "error: no free port between $next_port and 9000" >&2
    return 1
}

listens() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# wait_for_port PORT NAME: until the server answers there, or has ended.
wait_for_port() {
    local tries=600
    until listens "$1"; do
        if ! kill -0 "${process[$2]}" 2>/dev/null || ((tries-- == 0)); then
            echo "error: the server for \"$2\" did not start" >&2
            return 1
        fi
        sleep 0.05
    done
}
