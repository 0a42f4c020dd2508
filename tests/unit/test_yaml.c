/* test_yaml.c - the YAML subset: what is taken, what is refused, limits. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "faults.h"
#include "vs/host.h"
#include "vs/mem.h"
#include "yaml_test.h"

/* The tree in one line: {key:text,...}, [..], "text". */
static void print(struct vs_buf *b, const struct vs_yaml *y)
{
	const struct vs_yaml *c;
	size_t n = 0;

	if (y->key != NULL)
		assert_int_equal(0, vs_buf_printf(&ctx, b, &err, "%s:",
						  y->key));
	if (y->kind == VS_YAML_SCALAR) {
		assert_null(y->child);
		assert_int_equal(0, vs_buf_printf(&ctx, b, &err, "'%s'",
						  y->text));
		return;
	}
	assert_int_equal(0, vs_buf_append(&ctx, b, y->kind == VS_YAML_MAP ?
							   "{" :
							   "[", 1, &err));
	for (c = y->child; c != NULL; c = c->next, n++) {
		assert_int_equal(y->kind == VS_YAML_MAP, c->key != NULL);
		if (n > 0)
			assert_int_equal(0, vs_buf_append(&ctx, b, ",", 1,
							  &err));
		print(b, c);
	}
	assert_int_equal(y->n, n);
	assert_int_equal(0, vs_buf_append(&ctx, b, y->kind == VS_YAML_MAP ?
							   "}" :
							   "]", 1, &err));
}

static void test_accepted(void **state)
{
	static const char *const cases[][2] = {
		{ "a", "'a'" },
		{ "a: 1\nb: two\n", "{a:'1',b:'two'}" },
		{ "\xef\xbb\xbf" "a: 1\n", "{a:'1'}" },
		{ "a: 1\r\nb: 2\r\n", "{a:'1',b:'2'}" },
		{ "--- # note\na: 1\n...\n", "{a:'1'}" },
		{ "{}", "{}" },
		{ "[]", "[]" },
		{ "- a\n- - b\n  - c\n- d: e\n  f: g\n",
		  "['a',['b','c'],{d:'e',f:'g'}]" },
		{ "{a: [1, 2, {b: c}], \"d e\": 'f'}",
		  "{a:['1','2',{b:'c'}],d e:'f'}" },
		{ "a:\nb: ~\nc: \"\"\n", "{a:'',b:'~',c:''}" },
		{ "a: \"x\\ty\\u00e9\\\"\\\\\"\n",
		  "{a:'x\ty\xc3\xa9\"\\'}" },
		{ "a: |\n  x\n  y\nb: >\n  x\n  y\n",
		  "{a:'x\ny\n',b:'x y\n'}" },
		{ "gr\xc3\xbc\xc3\x9f" "e: \xe2\x82\xac\n",
		  "{gr\xc3\xbc\xc3\x9f" "e:'\xe2\x82\xac'}" },
		{ "? a\n: 1\n", "{a:'1'}" },
		{ "1: 2\ntrue: false\n", "{1:'2',true:'false'}" },
		{ "a: 0x10 # note\n#b: 1\n", "{a:'0x10'}" },
		{ "[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]",
		  "[[[[[[[[[[[[[[[['a']]]]]]]]]]]]]]]]" },
		{ "\"\": 1\n", "{:'1'}" },
		{ "a: b%c\n", "{a:'b%c'}" },
	};
	struct vs_buf b = { 0 };
	struct vs_yaml_doc *doc;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		doc = parse(cases[i][0]);
		vs_buf_clear(&b);
		print(&b, vs_yaml_root(doc));
		assert_string_equal(cases[i][1], b.p);
		assert_string_equal("f.yaml", vs_yaml_name(doc));
		vs_yaml_destroy(&ctx, doc);
	}
	vs_buf_free(&ctx, &b);
	vs_yaml_destroy(&ctx, NULL);
}

static const struct {
	const char *text;
	const char *msg; /* how the message begins */
} refused[] = {
	{ "", "f.yaml: is empty" },
	{ "\n\n# only a note\n", "f.yaml: is empty" },
	{ "a: &x 1\n", "f.yaml:1: an anchor" },
	{ "a: &x [1]\n", "f.yaml:1: an anchor" },
	{ "&x {a: 1}\n", "f.yaml:1: an anchor" },
	{ "a: 1\nb: *x\n", "f.yaml:2: an alias" },
	{ "a: 1\n<<: *x\n", "f.yaml:2: an alias" },
	{ "a: !!str 1\n", "f.yaml:1: a tag" },
	{ "a: !x {}\n", "f.yaml:1: a tag" },
	{ "! a\n", "f.yaml:1: a tag" },
	{ "!!map {a: 1}\n", "f.yaml:1: a tag" },
	{ "a: 1\n---\nb: 2\n", "f.yaml:2: a second document" },
	{ "a: 1\n...\n---\n", "f.yaml:3: a second document" },
	{ "%YAML 1.1\n---\na: 1\n", "f.yaml:1: a line that begins" },
	{ "a: 1\n%TAG ! x\n", "f.yaml:2: a line that begins" },
	{ "a: 1\nb: 2\na: 3\n", "f.yaml:3: key \"a\" stands" },
	{ "a: 1\n\"a\": 3\n", "f.yaml:2: key \"a\" stands" },
	{ "x: {b: 1, a: 2,\n b: 3,\n a: 4}", "f.yaml:2: key \"b\"" },
	{ "[a]: 1\n", "f.yaml:1: a key that is a map or a list" },
	{ "? {a: 1}\n: 2\n", "f.yaml:1: a key that is a map" },
	{ "?\n: 1\n", "f.yaml:1: a value without a key" },
	{ "[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]",
	  "f.yaml:1: nesting deeper than 16" },
	{ "a: \"x\\0y\"\n", "f.yaml:1: a text with a NUL" },
	{ "a: [1\n", "f.yaml:2: no valid YAML" },
	{ "a: 1\n b: 2\n", "f.yaml:2: no valid YAML" },
	{ "a: 'x\n", "f.yaml:2: no valid YAML" },
	{ "a:\n\t- 1\n", "f.yaml:2: no valid YAML" },
	{ "a: 1\nb: \x01\n", "f.yaml:2: no valid YAML" },
	{ "a: 1\n\nb: \xff\n", "f.yaml:3: no valid YAML" },
	{ "a: \xc0\x80\n", "f.yaml:1: no valid YAML" },
	{ "a: \xed\xa0\x80\n", "f.yaml:1: no valid YAML" },
	{ "a: \xe2\x82", "f.yaml:1: no valid YAML" },
	{ "a: b: c\n", "f.yaml:1: no valid YAML" },
	{ "a: }\n", "f.yaml:1: no valid YAML" },
	{ "\xff\xfe" "a", "f.yaml:1: no valid YAML" },
};

static void test_refused(void **state)
{
	struct vs_yaml_doc *doc;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		doc = (void *)&ctx;
		vs_err_clear(&err);
		assert_int_equal(VS_EDATA,
				 vs_yaml_parse(&ctx, "f.yaml", refused[i].text,
					       strlen(refused[i].text), &doc,
					       &err));
		assert_null(doc);
		assert_int_equal(VS_EDATA, err.code);
		if (strncmp(err.msg, refused[i].msg,
			    strlen(refused[i].msg)) != 0)
			fail_msg("\"%s\" is not \"%s\"", err.msg,
				 refused[i].msg);
		assert_int_equal(0, atomic_load(&ctx.mem_now));
	}
	assert_int_equal(VS_EDATA, vs_yaml_parse(&ctx, "f.yaml", "a: 1\0b: 2",
						 9, &doc, &err));
}

static void test_lines(void **state)
{
	struct vs_yaml_doc *doc = parse("# head\n\na: 1\nb:\n  - x\n  - y\n"
					"c: {d: 1,\n  e: 2}\n");
	const struct vs_yaml *root = vs_yaml_root(doc), *c;

	(void)state;
	assert_int_equal(3, root->line);
	assert_int_equal(3, vs_yaml_find(root, "a")->line);
	c = vs_yaml_find(root, "b");
	assert_int_equal(5, c->child->line);
	assert_int_equal(6, c->child->next->line);
	c = vs_yaml_find(root, "c");
	assert_int_equal(8, vs_yaml_find(c, "e")->line);
	vs_yaml_destroy(&ctx, doc);
}

/* Parses n bytes made of unit again and again; the code, and the seconds. */
static int parse_many(const char *unit, size_t n, double *secs)
{
	char *text = malloc(n);
	size_t n_unit = strlen(unit), i;
	struct vs_yaml_doc *doc;
	double t = vs_host_cpu_secs();
	int rc;

	assert_non_null(text);
	for (i = 0; i < n; i++)
		text[i] = unit[i % n_unit];
	rc = vs_yaml_parse(&ctx, "f.yaml", text, n, &doc, &err);
	*secs = vs_host_cpu_secs() - t;
	if (rc == 0)
		vs_yaml_destroy(&ctx, doc);
	free(text);
	return rc;
}

static void test_hostile_texts_take_no_time(void **state)
{
	static const char *const units[] = { "[",      "{",   "[{",   "- ",
					     "? ",     "[\n", "{a: ", "&a ",
					     "!a ",    "*a ", "%TAG !a! b\n",
					     "a: ",    "\"",  "---\n", "[?" };
	double secs;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		assert_int_equal(VS_EDATA, parse_many(units[i], 100000,
						      &secs));
		assert_true(secs < 0.5);
		assert_int_equal(VS_EDATA, parse_many(units[i], 1 << 24,
						      &secs));
		assert_true(secs < 2);
	}
}

static void test_limits(void **state)
{
	static const char many[] = "a,";
	struct vs_yaml_doc *doc;
	double secs;
	char *text;
	size_t i;

	(void)state;
	/* just 16 MiB, then one byte more */
	assert_int_equal(0, parse_many("a", 1 << 24, &secs));
	assert_int_equal(VS_EDATA, parse_many("a", (1 << 24) + 1, &secs));
	assert_non_null(strstr(err.msg, "16777217 bytes"));
	/* a list of 4 Mi - 1 items has 4 Mi values, one more has too many */
	text = malloc(1 << 24);
	assert_non_null(text);
	text[0] = '[';
	for (i = 0; i < 1 << 23; i++)
		text[1 + i] = many[i % 2];
	text[(1 << 23) - 1] = ']';
	assert_int_equal(0, vs_yaml_parse(&ctx, "f.yaml", text, 1 << 23, &doc,
					  &err));
	assert_int_equal((1 << 22) - 1, vs_yaml_root(doc)->n);
	vs_yaml_destroy(&ctx, doc);
	text[(1 << 23) - 1] = 'a';
	memcpy(text + (1 << 23), ",a]", 3);
	text[(1 << 23)] = ',';
	assert_int_equal(VS_EDATA, vs_yaml_parse(&ctx, "f.yaml", text,
						 (1 << 23) + 3, &doc, &err));
	assert_non_null(strstr(err.msg, "more than 4194304 values"));
	free(text);
}

static void test_many_keys(void **state)
{
	struct vs_buf b = { 0 };
	struct vs_yaml_doc *doc;
	double t;
	size_t i;

	(void)state;
	for (i = 0; i < 200000; i++)
		assert_int_equal(0, vs_buf_printf(&ctx, &b, &err, "k%06zu: 1\n",
						  i * 7919 % 200003));
	t = vs_host_cpu_secs();
	assert_int_equal(0, vs_yaml_parse(&ctx, "f.yaml", b.p, b.n, &doc,
					  &err));
	assert_int_equal(200000, vs_yaml_root(doc)->n);
	vs_yaml_destroy(&ctx, doc);
	assert_int_equal(0, vs_buf_printf(&ctx, &b, &err, "k%06zu: 1\n",
					  (size_t)7919));
	assert_int_equal(VS_EDATA, vs_yaml_parse(&ctx, "f.yaml", b.p, b.n,
						 &doc, &err));
	assert_non_null(strstr(err.msg, "f.yaml:200001: key \"k007919\""));
	/* comparing each key with each takes minutes */
	assert_true(vs_host_cpu_secs() - t < 10);
	vs_buf_free(&ctx, &b);
}

static void test_memory(void **state)
{
	static const char text[] = "a: 1\nb: [x, y, {c: d}]\n";
	struct faults f = { .sys = ENOMEM };
	struct vs_yaml_doc *doc;
	int rc;

	(void)state;
	for (f.at = 1;; f.at++) {
		faults_set(&ctx, &f);
		rc = vs_yaml_parse(&ctx, "f.yaml", text, strlen(text), &doc,
				   &err);
		if (atomic_load(&f.n_fired) == 0)
			break;
		assert_int_equal(VS_ENOMEM, rc);
		assert_int_equal(0, atomic_load(&ctx.mem_now));
	}
	assert_int_equal(0, rc);
	vs_yaml_destroy(&ctx, doc);
	assert_true(f.at > 3);
	ctx.hook = NULL;
	ctx.memory_max = 1 << 20;
	assert_int_equal(VS_ENOMEM, parse_many("- a\n", 1 << 22,
					       &(double){ 0 }));
}

static void test_questions(void **state)
{
	static const char *const keys[] = { "n", "f", "t", "m", "l", NULL };
	struct vs_yaml_doc *doc = parse("n: 18446744073709551615\nf: -1.5e3\n"
					"t: x y\nm: {a: 1}\nl: [1]\n");
	const struct vs_yaml *root = vs_yaml_root(doc), *m;
	const char *text = NULL;
	uint64_t u = 0;
	double d = 0;

	(void)state;
	assert_int_equal(0, vs_yaml_u64(doc, root, "n", &u, &err));
	assert_true(u == UINT64_MAX);
	assert_int_equal(0, vs_yaml_f64(doc, root, "f", &d, &err));
	assert_true(d == -1500);
	assert_int_equal(0, vs_yaml_text(doc, root, "t", &text, &err));
	assert_string_equal("x y", text);
	m = vs_yaml_find(root, "m");
	assert_non_null(m);
	assert_null(vs_yaml_find(m, "b"));
	assert_null(vs_yaml_find(vs_yaml_find(root, "l"), "1"));
	assert_null(vs_yaml_find(NULL, "a"));

	assert_int_equal(VS_EDATA, vs_yaml_u64(doc, root, "f", &u, &err));
	assert_int_equal(0, strncmp(err.msg, "f.yaml:2: \"f\" is \"-1.5e3\"",
				    25));
	assert_int_equal(VS_EDATA, vs_yaml_f64(doc, root, "t", &d, &err));
	assert_int_equal(VS_EDATA, vs_yaml_text(doc, root, "m", &text, &err));
	assert_non_null(strstr(err.msg, "f.yaml:4: \"m\" is a map"));
	assert_int_equal(VS_EDATA, vs_yaml_u64(doc, root, "z", &u, &err));
	assert_non_null(strstr(err.msg, "key \"z\" is missing"));
	assert_int_equal(VS_EDATA, vs_yaml_text(doc, vs_yaml_find(root, "l"),
						"z", &text, &err));
	assert_non_null(strstr(err.msg, "a list; expected a map"));
	assert_int_equal(VS_EDATA, vs_yaml_u64(doc, vs_yaml_find(root, "t"),
					       "z", &u, &err));
	assert_non_null(strstr(err.msg, "f.yaml:3: a text; expected a map"));
	assert_true(u == UINT64_MAX && d == -1500);

	assert_int_equal(0, vs_yaml_only(doc, root, keys, &err));
	assert_int_equal(VS_EDATA, vs_yaml_only(doc, root, keys + 2, &err));
	assert_non_null(strstr(err.msg, "f.yaml:1: key \"n\""));
	assert_int_equal(VS_EDATA, vs_yaml_only(doc, m, keys, &err));
	assert_non_null(strstr(err.msg, "f.yaml:4: key \"a\""));
	assert_int_equal(VS_EDATA, vs_yaml_only(doc, m, &keys[5], &err));
	vs_yaml_destroy(&ctx, doc);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_accepted),
		T(test_refused),
		T(test_lines),
		T(test_hostile_texts_take_no_time),
		T(test_limits),
		T(test_many_keys),
		T(test_memory),
		T(test_questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
