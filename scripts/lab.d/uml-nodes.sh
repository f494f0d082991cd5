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

# Each program started costs 0.1 s on the debug kernel: hence the batches.
nodes_up() {
	local net node host
	{
		echo "netns add sw"
		for node in $NODES; do
			echo "netns add $node"
			host=$(printf %02x "${NODE_HOST[$node]}")
			for net in 0 1; do
				echo "link add $node-$net netns sw type veth" \
					"peer name eth$net" \
					"address 02:77:00:00:0$net:$host" \
					"netns $node"
			done
		done
	} | ip -batch -
	{
		echo "link set lo up"
		for net in 0 1; do
			echo "link add br$net type bridge mcast_snooping 0" \
				"forward_delay 0"
			echo "link set br$net up"
			for node in $NODES; do
				echo "link set $node-$net master br$net up"
			done
		done
	} | ip -n sw -batch -
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
		host=${NODE_HOST[$node]}
		{
			echo "link set lo up"
			for net in 0 1; do
				echo "addr add 10.7$((7 + net)).0.$host/24" \
					"dev eth$net"
				echo "addr add fd7$((7 + net))::$host/64" \
					"dev eth$net nodad"
				echo "link set eth$net up"
			done
		} | ip -n "$node" -batch -
	done
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
		echo "netns del $node"
	done | ip -force -batch - 2>/dev/null || true
}
