#!/usr/bin/env bats
# Each law of scripts/lint catches a planted offence; that the tree as it is
# passes is what "make lint" says.
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	mkdir tree
	cd tree || return
	cp -r "$VS_TOP/include" "$VS_TOP/lib" "$VS_TOP/cmd" "$VS_TOP/man" .
	cp -r "$VS_TOP/scripts" "$VS_TOP/Makefile" "$VS_TOP/README.md" .
	mkdir tests datasets
	BUILD=$VS_BUILD
	export BUILD
}

# caught LAW PATTERN: the law fails with a line of that pattern.
caught() {
	run scripts/lint "$1"
	echo "$output"
	[ "$status" -eq 1 ]
	grep -qE "$2" <<<"$output"
}

@test "layers: upwards, unowned, and other rooms' private headers" {
	echo '#include "vs/op.h"' >>lib/base/num.c
	echo '#include "../sys/fd_int.h"' >>lib/data/hit.c
	touch include/vs/new.h
	caught layers 'lib/base/num.c:.*floor base includes vs/op.h'
	grep -q 'lib/data/hit.c:.*another room' <<<"$output"
	grep -q 'include/vs/new.h: owned by no floor' <<<"$output"
}

@test "foreign: a foreign header away from home" {
	echo '#include <zstd.h>' >>lib/data/hits.c
	echo '#include <curl/curl.h>' >>lib/data/hits.c
	caught foreign 'lib/data/hits.c:.*<zstd.h> is at home in'
	grep -q '<curl/curl.h> is foreign' <<<"$output"
}

@test "calls: what only certain files may call" {
	for call in 'exit(1)' 'printf("x")' 'getenv("X")' 'atoi("1")' \
		'malloc(1)' 'unlink("x")' 'time(0)' 'strcpy(a, b)'; do
		cp "$VS_TOP/lib/data/hit.c" lib/data/hit.c
		echo "void f(void) { $call; }" >>lib/data/hit.c
		caught calls "lib/data/hit.c:.*${call%%(*}\\(\\)"
	done
	# Comments, strings and members of that name are no calls.
	cp "$VS_TOP/lib/data/hit.c" lib/data/hit.c
	echo '/* exit(1) */ const char *s = "exit(1)"; void f(void) { p->read(1); }' \
		>>lib/data/hit.c
	run scripts/lint calls
	[ "$status" -eq 0 ]
}

@test "symbols: forbidden references, globals, names" {
	mkdir build
	cat >build/x.c <<-'C'
	#include <stdio.h>
	int vs_counter;
	static int hidden = 3;
	const char *const vs_words[] = { "a", "b" };
	int public(int i) { hidden += i; puts("x"); return hidden; }
	C
	cc -O0 -fPIE -c -o build/x.o build/x.c
	ar rc build/libvs.a build/x.o
	BUILD=build
	caught symbols 'refers to puts'
	grep -q 'vs_counter: a mutable global' <<<"$output"
	grep -q 'hidden: a mutable global' <<<"$output"
	grep -q 'public: a public name without vs_' <<<"$output"
	run ! grep -q 'vs_words' <<<"$output"
}

@test "names: twice the same" {
	touch cmd/num.c
	caught names 'cmd/num.c .*lib/base/num.c|lib/base/num.c .*cmd/num.c'
}

@test "columns: width with tabs, trailing space, spaces, end" {
	printf '\t\t\t\t\t\t\t\t\t\t/* x */\n' >>lib/data/hit.c
	printf 'int a; \n        int b;\n\n' >>lib/data/ring.c
	caught columns 'lib/data/hit.c:.*wider than 80'
	grep -q 'lib/data/ring.c:.*trailing space' <<<"$output"
	grep -q 'lib/data/ring.c:.*indented with spaces' <<<"$output"
	grep -q 'lib/data/ring.c: must end with one newline' <<<"$output"
}

@test "headers: one that does not compile alone" {
	sed -i '/#include/d' include/vs/hit.h
	caught headers 'include/vs/hit.h'
}

@test "length: functions, files, parameters" {
	{
		echo 'int f(int a, int b, int c, int d, int e, int g, int h)'
		echo '{'
		yes '	x();' | head -n 99
		echo '}'
		yes '/* x */' | head -n 800
	} >>lib/data/hit.c
	caught length 'lib/data/hit.c: [0-9]+ lines; at most 800'
	grep -q 'lib/data/hit.c:.*a function of 102 lines' <<<"$output"
	grep -q 'lib/data/hit.c:.*7 parameters' <<<"$output"
}

@test "messages: grammar" {
	for text in 'Bad file' '%s: bad file.' '%s: bad\n' 'vs-train: bad' \
		'error: bad' 'please retry' 'bad  file'; do
		cp "$VS_TOP/lib/data/hit.c" lib/data/hit.c
		echo "int f(void) { return vs_fail(err, VS_EDATA, \"$text\"); }" \
			>>lib/data/hit.c
		caught messages 'lib/data/hit.c:'
	done
}

@test "man: options that a page lacks or invents, and bad mdoc" {
	sed -i 's/^\.It Fl -seed/.It Fl -sead/' man/vs-train.1
	echo '.Frob' >>man/vs-query.1
	caught man 'vs-train.1: --seed is not in the page'
	grep -q 'vs-train.1: --sead is not an option' <<<"$output"
	grep -q 'vs-query.1' <<<"$output"
}

@test "shell: what shellcheck says" {
	# shellcheck disable=SC2016 # the offence
	printf '#!/bin/sh\nrm -rf $1/*\n' >scripts/frob
	caught shell 'SC2086'
}

@test "debt: unfinished work" {
	printf '/* TO%s: later */\n' DO >>lib/data/hit.c
	caught debt 'lib/data/hit.c:'
}
