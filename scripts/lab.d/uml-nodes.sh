# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Several nodes in one kernel, for scripts that run under `scripts/lab uml`:
#
#	. "$HARP_SRC/scripts/lab.d/uml-nodes.sh"
#	nodes_up			# n1 n2 n3 c1 and their two networks
#	on n1 ping -c1 10.77.0.2
#	nodes_cut n1 n2			# both ways, on both networks
#	nodes_cut n1 n2 0 one-way	# what n1 sends to n2 on network 0
#	nodes_heal			# everything, or: nodes_heal n1 n2
#	nodes_down
#
# Each node is a network namespace with lo, eth0 on 10.77.0.0/24 and
# fd77::/64, and eth1 on 10.78.0.0/24 and fd78::/64. n1 and n2 are data
# members (.1, .2), n3 is the witness (.3), c1 a client (.10). The switches are
# bridges in a namespace of their own, `sw`, where traffic can be captured:
# port names are NODE-0 and NODE-1.

# shellcheck disable=SC2034  # for those who source this file
NODES="n1 n2 n3 c1"
declare -A NODE_HOST=([n1]=1 [n2]=2 [n3]=3 [c1]=10)

on() {
	local node=$1
	shift
	nsenter --net="/run/netns/$node" -- "$@"
}

nodes_up() {
	local net node
	ip netns add sw
	on sw ip link set lo up
	for net in 0 1; do
		on sw ip link add "br$net" type bridge mcast_snooping 0 \
			forward_delay 0
		on sw ip link set "br$net" up
	done
	on sw nft -f - <<'N'
table bridge lab {
	set cut { typeof iifname . oifname; }
	chain forward {
		type filter hook forward priority 0; policy accept;
		iifname . oifname @cut drop
	}
}
N
	for node in $NODES; do
		ip netns add "$node"
		on "$node" ip link set lo up
		on "$node" sysctl -q -w net.ipv6.conf.all.accept_dad=0 \
			net.ipv6.conf.default.accept_dad=0
		for net in 0 1; do
			_node_port "$node" "$net"
		done
	done
}

_node_port() {
	local node=$1 net=$2 host=${NODE_HOST[$1]}
	ip link add "$node-$net" netns sw type veth peer name "eth$net" \
		address "02:77:00:00:0$net:$(printf %02x "$host")" netns "$node"
	on sw ip link set "$node-$net" master "br$net" up
	on "$node" ip addr add "10.7$((7 + net)).0.$host/24" dev "eth$net"
	on "$node" ip addr add "fd7$((7 + net))::$host/64" dev "eth$net" nodad
	on "$node" ip link set "eth$net" up
}

_cut_elements() {
	local a=$1 b=$2 nets=$3 way=${4:-} net list=
	for net in $nets; do
		list+="\"$a-$net\" . \"$b-$net\","
		if [[ $way != one-way ]]; then
			list+="\"$b-$net\" . \"$a-$net\","
		fi
	done
	echo "${list%,}"
}

# nodes_cut A B [NET|all] [one-way]
nodes_cut() {
	local nets=${3:-all}
	[[ $nets == all ]] && nets="0 1"
	on sw nft add element bridge lab cut \
		"{ $(_cut_elements "$1" "$2" "$nets" "${4:-}") }"
}

# nodes_heal [A B]
nodes_heal() {
	if (($# == 0)); then
		on sw nft flush set bridge lab cut
		return
	fi
	# Deleting what is not there is an error: make sure it is there first.
	nodes_cut "$1" "$2"
	on sw nft delete element bridge lab cut \
		"{ $(_cut_elements "$1" "$2" "0 1") }"
}

nodes_down() {
	local node
	for node in $NODES sw; do
		ip netns del "$node" 2>/dev/null || true
	done
}
