# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Bash completion for harpctl.

_harpctl_groups()
{
	harpctl status --json 2>/dev/null |
		sed -n 's/^      "name": "\([a-z0-9-]*\)",\?$/\1/p'
}

_harpctl_files()
{
	local f
	for f in /etc/harp/groups/*.toml; do
		[[ -e $f ]] && basename "$f" .toml
	done
}

_harpctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} words='' i command='' sub=''
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-*) ;;
		group | status | switchover | sync | log) command=${COMP_WORDS[i]} ;;
		create | delete | show) sub=${COMP_WORDS[i]} ;;
		esac
	done
	case $command,$sub in
	,) words='group status switchover sync log --bus --help --version' ;;
	group,) words='create delete --help' ;;
	group,create) words="$(_harpctl_files) --config" ;;
	group,delete) words="$(_harpctl_groups) --force" ;;
	status,) words="$(_harpctl_groups) --json" ;;
	switchover, | sync,) words=$(_harpctl_groups) ;;
	log,) words='show --help' ;;
	log,show)
		words="$(_harpctl_groups) --from --count --json --state"
		if [[ $cur == /* ]]; then
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return
		fi
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _harpctl harpctl
