#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# probe.sh SOURCE RESULT SYMVERS CC FLAGS…: write 1 or 0 to RESULT.
#
# A probe passes when it compiles and when every symbol that it names in a line
# " * Needs-export: SYMBOL" is exported: a declaration alone does not link.
# RESULT.log keeps the compiler's words for whoever wonders why.
set -eu
source=$1 result=$2 symvers=$3
shift 3

pass=1
if ! "$@" -c -o "$result.o" "$source" >"$result.log" 2>&1; then
	pass=0
fi
rm -f "$result.o"

# shellcheck disable=SC2013 # symbols have no blanks
for symbol in $(sed -n 's/^ \* Needs-export: //p' "$source"); do
	# A kernel tree without Module.symvers cannot tell; modpost will.
	[ -s "$symvers" ] || continue
	if ! awk -v s="$symbol" '$2 == s { found = 1 } END { exit !found }' "$symvers"; then
		echo "not exported: $symbol" >>"$result.log"
		pass=0
	fi
done
echo "$pass" >"$result"
