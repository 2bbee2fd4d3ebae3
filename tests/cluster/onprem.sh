#!/usr/bin/env bash
# Two hosts of one's own on this machine, and Ray's launcher used on them: ray up, ray submit, ray exec, ray down.
#
#   unshare --net --mount --pid --fork --mount-proc --kill-child tests/cluster/onprem.sh FOLDER
#
# FOLDER holds cluster.yaml, study.yaml and auth_token (tests/cluster/test_onprem.py writes them). Each host has a network
# namespace, its own processes, home and SSH server, and no way out: no address of any other machine can be reached.
# `ray stop`, which ends every Ray process that it can see, sees those of its host only, as nobody can signal a process
# outside his PID namespace. When the outermost process ends, so does everything that was started here.
set -euo pipefail
FOLDER=$(realpath "$1")
declare -A HOSTS=([head]=10.77.0.2 [worker]=10.77.0.3)

main() {
    refuse_without_namespaces
    network
    ssh-keygen -q -t ed25519 -N "" -f "$FOLDER/key"
    for name in "${!HOSTS[@]}"; do host "$name"; done
    for name in "${!HOSTS[@]}"; do wait_for_ssh "$name"; done
    journey
}

journey() {
    cd "$FOLDER"
    mkdir launcher
    mount --bind launcher /tmp/ray
    export TMPDIR=$FOLDER/launcher RAY_USAGE_STATS_ENABLED=0
    step ray up -y --no-config-cache cluster.yaml
    wait_for_both
    step ray submit cluster.yaml "$PROGRAM" run "$FOLDER/study.yaml" --address auto --out "$FOLDER/shared/study"
    step ray exec cluster.yaml "transfer-study status $FOLDER/shared/study"
    step ray down -y cluster.yaml
    # The worker's Ray ends by itself when it misses its head for long enough, 48 s later when that was measured.
    if on head "pgrep -f '[r]aylet/raylet|[g]cs_server'"; then echo "== Ray still runs on the head"; fi
}

step() {
    echo "== $*"
    "$@" </dev/null 2>&1
}

refuse_without_namespaces() {
    # In its own PID namespace the first process has number 1, and sees no other.
    if [ "$$" != 1 ] || [ "$(ls -d /proc/[0-9]* | wc -l)" -gt 4 ]; then
        echo "run this under unshare, as its first lines say" >&2
        exit 2
    fi
}

network() {
    mount --make-rprivate /
    mount -t tmpfs tmpfs /run
    mkdir -p /run/netns /run/sshd /tmp/ray
    ip link set lo up
    ip link add lab type bridge
    ip addr add 10.77.0.1/24 dev lab
    ip link set lab up
}

host() {
    local name=$1 address=${HOSTS[$1]} root=$FOLDER/$1
    ip netns add "$name"
    ip link add "to-$name" type veth peer name eth0 netns "$name"
    ip link set "to-$name" master lab up
    ip -n "$name" link set lo up
    ip -n "$name" addr add "$address/24" dev eth0
    ip -n "$name" link set eth0 up
    ip -n "$name" route add default via 10.77.0.1  # Ray asks for the way out to find its own address; it leads nowhere

    mkdir -p "$root/home/transfer-study" "$root/ray"
    ln -s "$ENVIRONMENT" "$root/home/transfer-study/.venv"
    sed "s|^root:.*|root:x:0:0:root:$root/home:/bin/bash|" /etc/passwd >"$root/passwd"
    ssh-keygen -q -t ed25519 -N "" -f "$root/host_key"
    cat >"$root/sshd_config" <<EOF
HostKey $root/host_key
AuthorizedKeysFile $FOLDER/key.pub
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
MaxStartups 50
Subsystem sftp internal-sftp
SetEnv RAY_USAGE_STATS_ENABLED=0 TRANSFER_STUDY_CACHE=$root/cache OMP_NUM_THREADS=1 PYTHONPATH=$root/home/transfer-study
EOF
    ip netns exec "$name" unshare --mount --pid --uts --fork --mount-proc --kill-child bash -c "
        hostname $name
        mount --bind $root/passwd /etc/passwd
        mount --bind $root/ray /tmp/ray
        exec /usr/sbin/sshd -D -E $root/sshd.log -f $root/sshd_config" &
}

on() {
    local name=$1
    shift
    ssh -q -i "$FOLDER/key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 \
        "root@${HOSTS[$name]}" "$@" </dev/null
}

wait_for_ssh() {
    for _ in $(seq 50); do
        on "$1" true && return
        sleep 0.2
    done
    echo "no SSH server on $1" >&2
    exit 1
}

wait_for_both() {
    for _ in $(seq 120); do
        on head "source ~/.bashrc; ray status" | grep -q "/2.0 CPU" && return
        sleep 1
    done
    echo "the worker has not joined" >&2
    exit 1
}

main
