#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# collect.sh OUTPUT RESULT…: turn the probes' answers into OUTPUT, a header.
set -eu
output=$1
shift

answer_of() {
	for r in "$@"; do
		case $r in
		*/$name.probe) cat "$r"; return ;;
		esac
	done
	echo missing
}

for check in always_pass:1 always_fail:0; do
	name=${check%:*}
	if [ "$(answer_of "$@")" != "${check#*:}" ]; then
		echo "harp: compat: probe $name answers wrongly: the probes cannot be" \
			"trusted with this compiler and kernel; see $name.probe.log" >&2
		exit 1
	fi
done

{
	echo "/* Made from the answers of compat/probes; do not edit. */"
	for r in "$@"; do
		name=$(basename "$r" .probe)
		case $name in always_*) continue ;; esac
		macro=HARP_HAVE_$(echo "$name" | tr '[:lower:]' '[:upper:]')
		if [ "$(cat "$r")" = 1 ]; then
			echo "#define $macro 1"
		else
			echo "/* $macro is not set */"
		fi
	done
} >"$output.tmp"
# An unchanged answer must not make everything compile again.
if cmp -s "$output.tmp" "$output"; then
	rm -f "$output.tmp"
else
	mv -f "$output.tmp" "$output"
fi
