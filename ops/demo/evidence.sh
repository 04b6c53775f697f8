# What the demo finds out. Sourced by ops/demo/run.
# shellcheck shell=bash

declare -A key_type=() key_id=() tls_version=() cipher=() rates=()
files_searched=0 private_keys=()
seconds_until_served=

# fetch_pages: each page once, with the certificate verified and the server's public key compared
# with the one that the service reports for that key.
fetch_pages() {
    progress "Fetching the pages"
    local name facts
    for name in "$RSA_KEY" "$EC_KEY" "$JAVA_KEY"; do
        facts=$(keyward key show "$name" --json)
        key_type[$name]=$(json_text type <<<"$facts")
        key_id[$name]=$(json_text id <<<"$facts")
        fetch "$name" --verbose --max-time 20 >"$demo/$name.page" 2>"$demo/$name.curl"
        read -r "tls_version[$name]" "cipher[$name]" < <(
            sed -n 's|^\* SSL connection using TLSv\([0-9.]*\) / \([^ ]*\).*|\1 \2|p' \
                "$demo/$name.curl"
        )
    done
}

# fetch NAME [CURL-OPTION…]
fetch() {
    curl --silent --show-error --fail --cacert "$demo/$1/tls/web.crt" \
        --pinnedpubkey "sha256//$(public_key_hash "$1")" "${@:2}" \
        "https://localhost:${port[$1]}/"
}

public_key_hash() {
    keyward key public "$1" | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary |
        openssl base64
}

json_text() {
    sed -n "s/^ *\"$1\": \"\(.*\)\",\{0,1\}\$/\1/p" | head -n 1
}

# Every file of the demo, the service's own included, is read and tried as a key by an OpenSSL
# without the provider.
search_for_private_keys() {
    progress "Searching for private key files"
    local file
    while IFS= read -r -d '' file; do
        files_searched=$((files_searched + 1))
        if is_private_key "$file"; then
            private_keys+=("$file")
        fi
    done < <(find "$demo" -type f -print0)
}

# No file with one key is longer than this, and openssl takes minutes over the audit journal.
KEY_FILE_BYTES_MAX=65536

is_private_key() {
    grep -qaE -- '-----BEGIN (RSA |EC |ENCRYPTED |OPENSSH )?PRIVATE KEY' "$1" && return
    [ "$(stat -c %s "$1")" -le "$KEY_FILE_BYTES_MAX" ] &&
        { openssl_reads PEM "$1" || openssl_reads DER "$1"; }
}

openssl_reads() {
    OPENSSL_CONF=/dev/null openssl pkey -inform "$1" -in "$2" -passin pass: -noout \
        >/dev/null 2>&1 </dev/null
}

# Without the service nobody completes a handshake; with it all do, though no web server was
# told to reload.
stop_and_restart_service() {
    progress "Stopping the service and starting it again"
    local name began
    stop service
    for name in "$RSA_KEY" "$EC_KEY" "$JAVA_KEY"; do
        if fetch_without_pin "$name" --max-time 0.7 >/dev/null 2>&1; then
            echo "error: \"$name\" was served while the service was stopped" >&2
            return 1
        fi
    done
    start_service
    began=$EPOCHREALTIME
    for name in "$RSA_KEY" "$EC_KEY" "$JAVA_KEY"; do
        until_served "$name"
    done
    seconds_until_served=$(elapsed_since "$began")
}

# After an outage of more than a few seconds clients try the service only once in a while.
until_served() {
    local deadline=$((SECONDS + 15))
    until fetch_without_pin "$1" --max-time 5 >/dev/null 2>"$demo/$1.curl"; do
        if ((SECONDS > deadline)); then
            cat "$demo/$1.curl" >&2
            return 1
        fi
        sleep 0.1
    done
}

# While the service is stopped nobody can be asked for the public key.
fetch_without_pin() {
    curl --silent --show-error --fail --cacert "$demo/$1/tls/web.crt" "${@:2}" \
        "https://localhost:${port[$1]}/"
}

elapsed_since() {
    LC_ALL=C awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }'
}

# measure NAME: full handshakes per second, added to what was measured before.
measure() {
    local rate
    rate=$("$LOAD" handshakes --connect "127.0.0.1:${port[$1]}" --insecure \
        --threads "$CLIENTS" --seconds "$ROUND_SECONDS" --json |
        sed -n 's/^ *"rate": \([0-9.]*\).*/\1/p')
    rates[$1]="${rates[$1]-} $rate"
}

# mean NAME
mean() {
    LC_ALL=C awk '{ for (i = 1; i <= NF; i++) sum += $i; printf "%.0f", sum / NF }' <<<"${rates[$1]}"
}
