# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Bash completion for harpctl.

# In the status as JSON names of groups are indented by six blanks, of members by ten.
_harpctl_groups()
{
	harpctl status --json 2>/dev/null |
		sed -n 's/^      "name": "\([a-z0-9-]*\)",\?$/\1/p'
}

_harpctl_members()
{
	harpctl status "$1" --json 2>/dev/null |
		sed -n 's/^          "name": "\([a-z0-9-]*\)",\?$/\1/p'
}

_harpctl_files()
{
	local f
	for f in /etc/harp/groups/*.toml; do
		[[ -e $f ]] && basename "$f" .toml
	done
}

# What may stand at the cursor, after the words given, options and their values left out.
_harpctl_words()
{
	case $1 in
	'') echo 'group status events switchover sync log selftest --bus --help --version' ;;
	group)
		case $2,$# in
		,1) echo 'create delete --help' ;;
		create,2) _harpctl_files && echo --config ;;
		delete,2) _harpctl_groups && echo --force ;;
		create,*) echo --config ;;
		delete,*) echo --force ;;
		esac
		;;
	status)
		(($# > 1)) || _harpctl_groups
		echo --json
		;;
	events)
		(($# > 1)) || _harpctl_groups
		echo '--json --count -n'
		;;
	switchover)
		case $# in
		1) _harpctl_groups ;;
		2) _harpctl_members "$2" ;;
		esac
		;;
	sync) (($# > 1)) || _harpctl_groups ;;
	log)
		case $2,$# in
		,1) echo 'show skip --help' ;;
		show,2) _harpctl_groups && echo '--from --count -n --json --state' ;;
		skip,2) _harpctl_groups && echo --yes ;;
		skip,*) echo --yes ;;
		show,*) echo '--from --count -n --json --state' ;;
		esac
		;;
	selftest)
		case $2,$# in
		,1) echo 'soft-reboot --help' ;;
		soft-reboot,2) _harpctl_groups && echo '--yes --json --state' ;;
		soft-reboot,*) echo '--yes --json --state' ;;
		esac
		;;
	esac
}

_harpctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local i
	local -a said=()

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--bus | --config | --from | --count | -n | --state) ((i++)) ;;
		-*) ;;
		*) said+=("${COMP_WORDS[i]}") ;;
		esac
	done
	COMPREPLY=()
	if ((i > COMP_CWORD)); then
		# The value of an option.
		[[ $before == --config || $before == --state ]] &&
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	elif [[ ${said[*]} == 'log show' && $cur == */* ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -W "$(_harpctl_words "${said[@]}")" -- "$cur")
	fi
}

complete -F _harpctl harpctl
