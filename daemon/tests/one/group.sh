#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A whole group in one kernel: three harpds in three network namespaces, an NFS client
# in a fourth. Runs under `scripts/lab uml --harp --disk 256M --disk 256M -- …`.
#
#	group.sh form		make a group, mount it, write and read, status
#	group.sh failover	and then the primary is cut off: the backup takes over
#
# HARPD and HARPCTL name the programs (default: out/daemon's).
set -euo pipefail

src=${HARP_SRC:-$(cd "$(dirname "$0")/../../.." && pwd)}
HARPD=${HARPD:-$src/out/daemon/harpd}
HARPCTL=${HARPCTL:-$src/out/daemon/harpctl}
what=${1:-form}
top=/tmp/group
declare -A pid

# shellcheck source=../../../scripts/lab.d/uml-nodes.sh
. "$src/scripts/lab.d/uml-nodes.sh"

say() { echo "# $(cut -d' ' -f1 /proc/uptime) $*"; }

# until LIMIT COMMAND...: waits for a condition, never for time.
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		if ((SECONDS >= end)); then
			say "gave up waiting for: $*"
			return 1
		fi
		read -rt 0.2 <> <(:) || true
	done
}

group_file() {
	cat <<G
name = "data"
promise_ms = ${PROMISE:-1000}
detect_ms = ${DETECT:-1500}
[[member]]
name = "n1"
role = "primary"
addresses = ["10.77.0.1", "10.78.0.1"]
lower = { device = "/dev/ubdb", type = "ext4" }
region = "mem:32M"
[[member]]
name = "n2"
role = "backup"
addresses = ["10.77.0.2", "10.78.0.2"]
lower = { device = "/dev/ubdc", type = "ext4" }
region = "mem:32M"
[[member]]
name = "n3"
role = "witness"
addresses = ["10.77.0.3", "10.78.0.3"]
log_size = "64M"
[service]
addresses = ["10.77.0.100/24"]
parent = "eth0"
path = "/srv/data"
helpers = "exec"
[nfs]
versions = ["3", "4.2"]
threads = 4
[[export]]
client = "*"
options = "rw,no_root_squash"
G
}

start_harpd() {
	local n=$1
	on "$n" "$HARPD" --config "$top/$n/etc" --state "$top/$n/lib" --run "/run/$n" \
		--bus "unix:path=$top/$n/bus" -v 2>>"$top/$n/log" &
	pid[$n]=$!
}

ctl() {
	local n=$1
	shift
	HARP_BUS=unix:path=$top/$n/bus on "$n" "$HARPCTL" "$@"
}

on_bus() { ctl "$1" status >"$top/$1/status" 2>&1; }
serves() { grep -q 'what=addresses-up' "$top/$1/log"; }
said() { grep -q "$2" "$top/$1/log"; }

finish() {
	local status=$? n
	if ((status != 0)); then
		for n in n1 n2 n3; do
			echo "---- $n"
			tail -n 60 "$top/$n/log" || true
			ctl "$n" status || true
		done
	fi
	umount -f -l /mnt/c 2>/dev/null || true
	for n in "${!pid[@]}"; do
		kill -9 "${pid[$n]}" 2>/dev/null || true
	done
	if [[ -n ${HARP_OUT:-} ]]; then
		cp -r "$top"/n?/log "$HARP_OUT/" 2>/dev/null || true
		for n in n1 n2 n3; do
			cp "$top/$n/log" "$HARP_OUT/$n.log" 2>/dev/null || true
		done
	fi
	exit "$status"
}
trap finish EXIT

mkfs.ext4 -q -F /dev/ubdb
mkfs.ext4 -q -F /dev/ubdc
nodes_up
for n in n1 n2 n3; do
	mkdir -p "$top/$n/etc/groups" "$top/$n/lib"
	group_file >"$top/$n/etc/groups/data.toml"
	printf 'name = "%s"\nlisten = ["%s", "%s"]\npanic_timeout = 0\n' "$n" \
		"10.77.0.${NODE_HOST[$n]}" "10.78.0.${NODE_HOST[$n]}" >"$top/$n/etc/harp.toml"
	cat >"$top/$n/bus.conf" <<B
<busconfig><type>custom</type><listen>unix:path=$top/$n/bus</listen>
<policy context="default"><allow send_destination="*"/><allow own="*"/>
<allow receive_type="method_call"/><allow user="*"/></policy></busconfig>
B
	dbus-daemon --config-file="$top/$n/bus.conf" --fork --nopidfile
	start_harpd "$n"
done
for n in n1 n2 n3; do
	until_true 30 on_bus "$n"
done
say "three harpds are up"
ctl n1 group create data
until_true 90 serves n1
say "n1 serves"
ctl n1 status

mkdir -p /mnt/c
until_true 60 on c1 mount -t nfs -o vers=3,nolock,proto=tcp,port=2049,mountport=20048,timeo=50 \
	10.77.0.100:/srv/data /mnt/c
say "mounted"
# shellcheck disable=SC2016 # the inner shell expands
on c1 bash -c 'set -e; cd /mnt/c; mkdir d; for i in {1..50}; do echo "file $i" >d/f$i; done; ls d | wc -l'
say "50 files are there"
ctl n1 log show data -n 3
ctl n2 status
[[ $what == form ]] && exit 0

say "cutting n1 off"
nodes_cut n1 n2
nodes_cut n1 n3
nodes_cut n1 c1
until_true 60 serves n2
say "n2 serves"
# shellcheck disable=SC2016
on c1 bash -c 'set -e; cd /mnt/c; for i in {51..80}; do echo "file $i" >d/f$i; done; ls d | wc -l; for i in {1..80}; do [[ $(<d/f$i) == "file $i" ]]; done'
say "80 files are there, all as written"
ctl n2 status
ctl n3 log show data -n 3 --state "$top/n3/lib"
grep -h harp-event "$top"/n?/log | sort -t= -k3
