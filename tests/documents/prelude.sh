# What a document's commands find where tests/documents/run runs them: the program, a service, and
# stand-ins for what would change the machine. It is sourced; `root` is the folder in whose place an
# installed system has none, `tree` the source tree.
# shellcheck shell=bash disable=SC2154

PATH=$PWD/dist/bin:$PATH
mkdir -p "$root/etc/keyward" "$root/var/lib" "$root/run"
services=()
shopt -s expand_aliases

end_services() {
    local service
    for service in "${services[@]}"; do kill "$service" && wait "$service"; done
    services=()
}

# With a failure, where it was and what the services said.
at=start
ended() {
    local status=$?
    end_services || true
    [ "$status" = 0 ] || { printf '\nfailed in %s; the service said:\n' "$at" && cat service.log; }
}
trap ended EXIT

# begin BLOCK: said in front of each block.
begin() {
    at=$1
    printf '\n== %s\n' "$at"
}

left_out() {
    printf 'left out: %s\n' "${*//"$root"/}"
}

# serve ARGUMENT…: a service that goes on until the document ends or stops it.
serve() {
    : >service.said
    command keyward serve "$@" >service.said 2>>service.log &
    services+=($!)
}

# What `keyward serve --dev` does in a terminal of its own, and what its user then does in another.
serve_for_development() {
    serve "$@"
    patiently grep -q '^export' service.said
    eval "$(cat service.said)"
    command keyward status --wait 60 >/dev/null
}

# A development service with its sockets where an installed one has them.
development() {
    serve_for_development --dev --state "$root/run/keyward"
}

# installed LINES OPTION…: a service as `keyward init` makes it with these options, whose
# configuration has these lines; who runs this has every role there.
installed() {
    command keyward init --state "$root/var/lib/keyward" --master-key "$root/etc/keyward/master.key" "${@:2}"
    cat >"$root/etc/keyward/keyward.toml" <<END
state = "$root/var/lib/keyward"
[seal]
key_file = "$root/etc/keyward/master.key"
[[listen]]
unix = "$root/run/keyward/hsm.sock"
[[user]]
name = "me"
identities = ["uid:$(id -u)"]
roles = ["user", "admin", "auditor", "operator"]
$1
END
    start_installed
}

# It may be sealed.
start_installed() {
    export KEYWARD_ADDRESS=unix:$root/run/keyward/hsm.sock
    serve --config "$root/etc/keyward/keyward.toml"
    patiently answers
}
answers() {
    [ -n "$(command keyward status 2>/dev/null)" ]
}

# patiently COMMAND…: waits for its success, as long as the service is there.
patiently() {
    local waited=0
    until "$@"; do
        kill -0 "${services[-1]}" && ((waited++ < 600)) || return 1
        sleep 0.1
    done
}

# check_configuration: whether the service takes what stands on standard input, beside these users.
check_configuration() {
    {
        printf '[[user]]\nname = "%s"\nidentities = ["uid:%s"]\nroles = ["admin"]\n' \
            olga 4711 bob 4712 carol 4713
        cat
    } >configuration.toml
    command keyward config check configuration.toml
}

# block LANGUAGE BEGINNING: another block of the document, which begins so.
block() {
    local file
    for file in blocks/*."$1"; do
        if [[ $(<"$file") == "$2"* ]]; then
            cat "$file"
            return
        fi
    done
    return 1
}

# authority: a certificate authority, ca.pem and ca.key; certified REQUEST: what it issues for one.
authority() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj '/CN=authority' 2>&1
}
certified() {
    openssl x509 -req -in "$1" -CA ca.pem -CAkey ca.key -CAcreateserial -days 30
}

# What a person types where a command asks.
typed() {
    printf '%s\n' "$@" >typed
    exec <typed
}

keyward() {
    as_a_person "$@"
}
as_a_person() {
    case "$*" in
    "serve --dev") serve_for_development "${@:2}" ;;
    *" --follow") timeout --signal INT 2 keyward "$@" || [ $? = 124 ] ;;
    # What they ask for on a terminal.
    unseal) command keyward unseal --in typed ;;
    "key delete "* | "cert delete "*) command keyward "$@" --yes ;;
    # The configuration is where these expect it, but for its place.
    "config check") command keyward "$@" "$root/etc/keyward/keyward.toml" ;;
    "user "*" --offline") command keyward "$@" --config "$root/etc/keyward/keyward.toml" ;;
    "backup restore "*) command keyward "$@" --yes --config "$root/etc/keyward/keyward.toml" ;;
    *) command keyward "$@" ;;
    esac
}

# Nobody becomes another user, and nothing is owned by one.
runuser() {
    "${@:4}"
}
sudo() {
    "${@:3}"
}
install() {
    local arguments=()
    while (($#)); do
        case $1 in
        -o | -g) shift ;;
        *) arguments+=("$1") ;;
        esac
        shift
    done
    command install "${arguments[@]}"
}

systemctl() {
    case "$*" in
    "start keyward" | "enable --now keyward") start_installed ;;
    "stop keyward") end_services ;;
    *) left_out "systemctl $*" ;;
    esac
}
systemd-sysusers() {
    left_out "systemd-sysusers"
}
systemd-creds() {
    left_out "systemd-creds $*"
}
apt-get() {
    left_out "apt-get $*"
}
# Somebody who follows the documents makes this of the configuration that is installed.
editor() {
    [ -e "$1" ] || cp "$tree/ops/keyward.toml" "$1"
    sed -i -e "s#\"/\(etc/keyward\|var/lib/keyward\|run/keyward\)#\"$root/\1#" -e 's/^#key_file/key_file/' "$1"
    printf '\n[[user]]\nname = "me"\nidentities = ["uid:%s"]\n' "$(id -u)" >>"$1"
}
make() {
    case $1 in
    install) DIST=$PWD/dist DESTDIR=$root command make -C "$tree" install ;;
    *) left_out "make $*" ;;
    esac
}
