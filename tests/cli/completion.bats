#!/usr/bin/env bats
# --completion: what a shell proposes after a word.
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

# propose WORD...: the proposals for the last word, one a line.
propose() {
	# shellcheck disable=SC2016 # for the inner shell
	bash -c 'source <("$1" --completion bash)
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		"_${1//-/_}"
		printf "%s\n" "${COMPREPLY[@]}"' _ "$@"
}

@test "options, their words, and files" {
	touch base.bvecs 'two words.bvecs'
	[ "$(propose vs-query --pa)" = "$(printf -- '--params\n--part')" ]
	[ "$(propose vs-query -f i)" = ivecs ]
	[ "$(propose vs-query --format t)" = tsv ]
	[ "$(propose vs-query two)" = 'two words.bvecs' ]
	[ "$(propose vs-train -o b)" = base.bvecs ]
	[ -z "$(propose vs-query -k b)" ]
	# --name=VALUE is three words to bash.
	[ "$(propose vs-query --format = t)" = tsv ]
	[ "$(propose vs-query --format =)" = "$(propose vs-query -f '')" ]
	[ "$(propose vs-train --output = b)" = base.bvecs ]
	touch axe 'a*e'
	[ "$(propose vs-query 'a*')" = 'a*e' ]
}

@test "commands, and the options of each" {
	[ "$(propose vs-eval tr)" = truth ]
	[ "$(propose vs-shard st)" = status ]
	[ "$(propose vs-eval recall --min)" = --min-recall ]
	[ -z "$(propose vs-eval truth --min)" ]
	[ "$(propose vs-eval --completion z)" = zsh ]
}

@test "every option of --help is proposed" {
	for c in vs-train vs-build vs-query vs-merge 'vs-eval truth' \
		'vs-shard create'; do
		# shellcheck disable=SC2086 # tool and command
		$c --help | grep -oE '^  .{4}--[a-z-]+|^  -[a-z], --[a-z-]+' |
			grep -oE -e '--[a-z-]+' | sort >said
		# shellcheck disable=SC2086
		propose $c -- | grep -E -e '^--' | sort >proposed
		[ -s said ]
		diff said proposed
	done
}

@test "zsh takes its script" {
	command -v zsh || skip 'zsh is not installed'
	for t in vs-train vs-build vs-shard vs-query vs-merge vs-eval; do
		$t --completion zsh >_$t
		zsh -n _$t
	done
}

@test "zsh proposes at its prompt" {
	command -v zsh || skip 'zsh is not installed'
	vs-query --completion zsh >_vs-query
	python3 - <<-'PY'
	import os, pty, re, select, time

	pid, fd = pty.fork()
	if pid == 0:
	    os.environ.update(TERM="dumb", HOME=os.getcwd(), PS1="> ")
	    os.execvp("zsh", ["zsh", "-f", "-i"])

	def read_until(pattern, secs=20):
	    said, end = "", time.time() + secs
	    while not re.search(pattern, said):
	        assert time.time() < end, said
	        if select.select([fd], [], [], 0.2)[0]:
	            said += os.read(fd, 4096).decode(errors="replace")
	    return said

	os.write(fd, b"PS1='> ' fpath=($PWD $fpath); autoload -U compinit; "
	         b"compinit -u -D; echo rea''dy\n")
	read_until("ready")
	for typed, want in (("--progress=j", "--progress=json "),
	                    ("--format ts", "--format tsv "),
	                    ("-k10 --para", "-k10 --params"),
	                    ("-fj", "-fjsonl ")):
	    os.write(fd, b"vs-query " + typed.encode() + b"\t")
	    read_until(re.escape("vs-query " + want))
	    os.write(fd, b"\x15")
	os.write(fd, b"exit\n")
	PY
}

@test "a tool of several commands takes both forms" {
	[ "$(vs-eval --completion=zsh)" = "$(vs-eval --completion zsh)" ]
	[ -n "$(vs-eval --completion=bash)" ]
}

@test "a shell that is not known is refused" {
	run vs-query --completion fish
	[ "$status" -eq 2 ]
	[[ $output == 'vs-query: --completion fish: expected bash or zsh'* ]]
	run vs-eval --completion=fish
	[ "$status" -eq 2 ]
	run vs-eval --completion fish
	[ "$status" -eq 2 ]
	[ "${#lines[@]}" -eq 1 ]
}
