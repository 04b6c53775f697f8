# What the demo shows. Sourced by ops/demo/run.
# shellcheck shell=bash

if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then
    bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
    bold='' green='' red='' plain=''
fi

# progress TEXT: one line that the next replaces on a terminal; elsewhere a line each.
progress() {
    if [ -t 2 ]; then
        printf '\r\e[K%s …' "$1" >&2
    else
        printf '%s …\n' "$1" >&2
    fi
}

finish_progress() {
    [ ! -t 2 ] || printf '\r\e[K' >&2
}

show_screen() {
    finish_progress
    printf '\n%sKeyward: TLS with private keys that only the service has%s\n\n' "$bold" "$plain"
    show_servers
    show_search
    show_restart
    show_handshakes
}

show_servers() {
    local nginx java
    nginx="nginx $(nginx_version)"
    java="Java $(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')"
    row "served by" port key type "key id" TLS cipher ' '
    local name
    for name in "$RSA_KEY" "$EC_KEY" "$JAVA_KEY"; do
        [ "$name" = "$JAVA_KEY" ] && nginx=$java
        row "$nginx" "${port[$name]}" "$name" "${key_type[$name]}" "${key_id[$name]:0:12}" \
            "${tls_version[$name]}" "${cipher[$name]}" …
    done
    cat <<END

  Each page was fetched with curl, which verified the server's certificate and that
  its public key is the one that the service reports for the key.

END
}

# row COLUMN… MARK: the mark stands behind the key id; printf would pad it by its bytes.
row() {
    printf '  %-13s %-5s %-7s %-9s %-12s%s %-4s %s\n' "${@:1:5}" "$8" "$6" "$7"
}

show_search() {
    printf '  Private key files in %s: ' "$demo"
    if [ "${#private_keys[@]}" = 0 ]; then
        printf '%snone%s. All %s files there were read\n  and those short enough for a key tried as one.' \
            "$green" "$plain" "$files_searched"
    else
        printf '%s%s%s' "$red" "${private_keys[*]}" "$plain"
    fi
    printf ' The line that nginx has for its key is\n    %s\n' \
        "$(sed -n 's/^ *\(ssl_certificate_key [^;]*;\).*/\1/p' "$demo/$RSA_KEY/nginx.conf")"
    if ! takes_store_uris; then
        printf '  and that file is a reference of %s bytes, with nothing secret in it.\n' \
            "$(stat -c %s "$demo/$RSA_KEY/tls/web.pem")"
    fi
    printf '\n'
}

show_restart() {
    printf '  With the service stopped nobody completed a handshake; %s s after its return all\n' \
        "$seconds_until_served"
    printf '  three served again, without a reload.\n\n'
}

show_handshakes() {
    printf '  %-26s %14s %15s %7s\n' "TLS 1.3 handshakes/s" "key in Keyward" "local key file" ratio
    local name ours theirs
    for name in "$RSA_KEY" "$EC_KEY"; do
        ours=$(mean "$name") theirs=$(mean "local-$name")
        printf '  %-26s %14s %15s %7s\n' "nginx, ${key_type[$name]}" "$ours" "$theirs" \
            "$(LC_ALL=C awk -v a="$ours" -v b="$theirs" 'BEGIN { printf "%.2f", a / b }')"
    done
    printf '  (%s clients on the same %s cores, no resumption, %s times %s s each in turn; built\n' \
        "$CLIENTS" "$(nproc)" "$ROUNDS" "$ROUND_SECONDS"
    printf '  quicker than a release, which make bench measures)\n\n'
}

# On a terminal everything stays up until Enter.
wait_for_enter() {
    [ -t 0 ] && [ -t 1 ] || return 0
    local name
    for name in "$RSA_KEY" "$EC_KEY" "$JAVA_KEY"; do
        printf '  curl --cacert %s https://localhost:%s/\n' "$demo/$name/tls/web.crt" "${port[$name]}"
    done
    printf '  KEYWARD_ADDRESS=unix:%s %s/bin/keyward key list\n\n' "$demo/service/hsm.sock" "$built"
    printf '%sPress Enter to stop everything.%s ' "$bold" "$plain"
    read -r _ || true
}
