# shellcheck shell=bash
# refused.bash - a command that must fail, for the tests of the command lines.

# shellcheck disable=SC2154 # run sets stderr

# STATUS WORD... -- COMMAND...: the command ends with this status and says all
# these words.
refused() {
	local want=$1 word words=()
	shift
	while [[ $1 != -- ]]; do
		words+=("$1")
		shift
	done
	shift
	run --separate-stderr "$@"
	echo "status $status: $stderr"
	[ "$status" -eq "$want" ]
	for word in "${words[@]}"; do
		[[ $stderr == *"$word"* ]]
	done
}
