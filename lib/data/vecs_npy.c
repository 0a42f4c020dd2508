/* vecs_npy.c - the header of npy files, read strictly and written as numpy
 * writes it.
 *
 *   "\x93NUMPY", u8 major, u8 minor, length (u16 in version 1, u32 in 2 and
 *   3), then as many bytes of text: a Python dictionary with the keys descr,
 *   fortran_order and shape, spaces, and a newline.
 *
 * Only the literals that numpy itself writes are understood.
 */
#include <stdio.h>
#include <string.h>

#include "vecs_int.h"
#include "vs/mem.h"
#include "vs/num.h"

#define HEAD_TEXT_MAX 65536u /* numpy refuses more than 10,000 by default */

static const struct {
	const char *descr;
	enum vs_dtype dtype;
} descrs[] = {
	{ "<f4", VS_F32 }, { "<f2", VS_F16 }, { "<f8", VS_F64 },
	{ "|u1", VS_U8 },  { "|i1", VS_I8 },  { "<u1", VS_U8 },
	{ "<i1", VS_I8 },  { "<i4", VS_I32 }, { "<i8", VS_I64 },
	{ "<u4", VS_U32 }, { "<u8", VS_U64 },
};

#define N_DESCRS (sizeof(descrs) / sizeof(descrs[0]))
#define DESCRS_TEXT "<f4 <f2 <f8 |u1 |i1 <i4 <i8 <u4 or <u8"

struct parser {
	const char *p;
	const char *end;
	char *why; /* VS_NPY_WHY_MAX */
	bool column;
};

static bool say(struct parser *s, const char *why)
{
	snprintf(s->why, VS_NPY_WHY_MAX, "%s", why);
	return false;
}

static void skip_spaces(struct parser *s)
{
	while (s->p < s->end && *s->p == ' ')
		s->p++;
}

/* Takes c, which may have spaces before it. */
static bool take(struct parser *s, char c)
{
	skip_spaces(s);
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

/* A quoted text without escapes. */
static bool take_text(struct parser *s, const char **text, size_t *n)
{
	const char *from, *to;

	skip_spaces(s);
	if (s->p == s->end || (*s->p != '\'' && *s->p != '"'))
		return false;
	from = s->p + 1;
	to = memchr(from, *s->p, (size_t)(s->end - from));
	if (to == NULL || memchr(from, '\\', (size_t)(to - from)) != NULL)
		return false;
	*text = from;
	*n = (size_t)(to - from);
	s->p = to + 1;
	return true;
}

static bool is_word(const char *text, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(text, word, n) == 0;
}

static bool take_word(struct parser *s, const char *word)
{
	size_t n = strlen(word);

	skip_spaces(s);
	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
		return false;
	s->p += n;
	return true;
}

static bool parse_descr(struct parser *s, struct vs_npy *out)
{
	const char *text;
	size_t i, n;

	skip_spaces(s);
	if (s->p < s->end && *s->p == '[')
		return say(s, "has structured elements; expected plain "
			      "numbers; save one field as a matrix");
	if (!take_text(s, &text, &n))
		return say(s, "the npy header has a descr that is no text");
	for (i = 0; i < N_DESCRS; i++) {
		if (is_word(text, n, descrs[i].descr)) {
			out->dtype = descrs[i].dtype;
			return true;
		}
	}
	if (n > 0 && text[0] == '>')
		return say(s, "holds big-endian elements; expected "
			      "little-endian; convert it with astype");
	if (n > 1 && text[1] == 'O')
		return say(s, "holds Python objects; expected numbers; "
			      "convert it with astype('<f4')");
	snprintf(s->why, VS_NPY_WHY_MAX,
		 "holds elements of type %.*s; expected " DESCRS_TEXT
		 "; convert it with astype",
		 (int)vs_min_size(n, 16), text);
	return false;
}

static bool parse_order(struct parser *s)
{
	if (take_word(s, "False"))
		return true;
	if (take_word(s, "True"))
		return say(s, "is in Fortran order; expected C order; save "
			      "numpy.ascontiguousarray of it");
	return say(s, "the npy header has a fortran_order that is neither "
		      "True nor False");
}

/* One extent, as Python takes it: no leading zeros.  Python 2 wrote "10L". */
static bool parse_extent(struct parser *s, uint64_t *out)
{
	const char *from;

	skip_spaces(s);
	from = s->p;
	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	if (!vs_parse_u64_n(from, (size_t)(s->p - from), out) ||
	    (from[0] == '0' && s->p - from > 1))
		return false;
	if (s->p < s->end && *s->p == 'L')
		s->p++;
	return true;
}

static bool parse_shape(struct parser *s, struct vs_npy *out)
{
	uint64_t extent[2] = {0, 0}, v;
	size_t n = 0;

	if (!take(s, '('))
		return say(s, "the npy header has a shape that is no tuple");
	while (!take(s, ')')) {
		if (!parse_extent(s, &v))
			return say(s, "the npy header has a shape that does "
				      "not consist of whole numbers");
		if (n < 2)
			extent[n] = v;
		n++;
		if (take(s, ','))
			continue;
		/* "(5)" is a number in Python, not a tuple. */
		if (n < 2 || !take(s, ')'))
			return say(s, "the npy header has a shape that is no "
				      "tuple of numbers");
		break;
	}
	if (n == 1 && s->column) {
		extent[1] = 1;
	} else if (n != 2) {
		snprintf(s->why, VS_NPY_WHY_MAX,
			 "is an array of %zu axes; expected 2 (rows and "
			 "dimensions); reshape it",
			 n);
		return false;
	}
	out->n_rows = extent[0];
	out->dim = extent[1];
	return true;
}

/* One "key: value"; seen has a bit for each key. */
static bool parse_item(struct parser *s, struct vs_npy *out, unsigned *seen)
{
	const char *key;
	size_t n;
	unsigned bit;

	if (!take_text(s, &key, &n) || !take(s, ':'))
		return say(s, "the npy header is no dictionary as numpy "
			      "writes it; it is damaged");
	bit = is_word(key, n, "descr")		 ? 1
	      : is_word(key, n, "fortran_order") ? 2
	      : is_word(key, n, "shape")	 ? 4
						 : 0;
	if (bit == 0 || (*seen & bit) != 0) {
		snprintf(s->why, VS_NPY_WHY_MAX,
			 "the npy header has the key %.*s%s; expected descr, "
			 "fortran_order and shape once each",
			 (int)vs_min_size(n, 32), key, bit ? " again" : "");
		return false;
	}
	*seen |= bit;
	return bit == 1	  ? parse_descr(s, out)
	       : bit == 2 ? parse_order(s)
			  : parse_shape(s, out);
}

static bool parse(const char *text, size_t n, bool column, struct vs_npy *out,
		  char why[VS_NPY_WHY_MAX])
{
	struct parser s = { text, text + n, why, column };
	unsigned seen = 0;

	memset(out, 0, sizeof(*out));
	if (!take(&s, '{'))
		return say(&s, "the npy header is no dictionary as numpy "
			       "writes it; it is damaged");
	while (!take(&s, '}')) {
		if (!parse_item(&s, out, &seen))
			return false;
		if (take(&s, ','))
			continue;
		if (!take(&s, '}'))
			return say(&s, "the npy header is no dictionary as "
				       "numpy writes it; it is damaged");
		break;
	}
	if (seen != 7)
		return say(&s, "the npy header lacks one of the keys descr, "
			       "fortran_order and shape");
	skip_spaces(&s);
	if (s.end - s.p != 1 || *s.p != '\n')
		return say(&s, "the npy header does not end with spaces and "
			       "a newline after its dictionary; it is damaged");
	return true;
}

bool vs_npy_parse(const char *text, size_t n, struct vs_npy *out,
		  char why[VS_NPY_WHY_MAX])
{
	return parse(text, n, false, out, why);
}

/* Length of the header text, and of what stands before it. */
static int measure_text(struct vs_ctx *ctx, struct vs_vecs_file *f,
			size_t *lead, size_t *n, struct vs_err *err)
{
	uint64_t size = vs_file_size(f->file);
	uint8_t b[12] = {0};
	size_t have = (size_t)vs_min_u64(size, sizeof(b));
	uint32_t len;
	int rc = vs_file_pread(ctx, f->file, b, have, 0, err);

	if (rc != 0)
		return rc;
	if (have < VS_NPY_MAGIC_LEN ||
	    memcmp(b, VS_NPY_MAGIC, VS_NPY_MAGIC_LEN) != 0)
		return vs_vecs_refuse(ctx, f, err,
				      "does not begin with the magic of npy");
	if (have < sizeof(b))
		return vs_vecs_refuse(ctx, f, err,
				      "ends within its npy header; truncated? "
				      "copy it again");
	if (b[6] < 1 || b[6] > 3 || b[7] != 0)
		return vs_vecs_refuse(ctx, f, err,
				      "is npy of version %u.%u; expected 1.0, "
				      "2.0 or 3.0",
				      b[6], b[7]);
	*lead = b[6] == 1 ? 10 : 12;
	len = b[6] == 1 ? vs_get_le16(b + 8) : vs_get_le32(b + 8);
	if (len > HEAD_TEXT_MAX)
		return vs_vecs_refuse(ctx, f, err,
				      "says its npy header has %u bytes; "
				      "expected at most %u",
				      len, HEAD_TEXT_MAX);
	if (len > size - *lead)
		return vs_vecs_refuse(ctx, f, err,
				      "ends within its npy header of %u bytes; "
				      "truncated? copy it again",
				      len);
	*n = len;
	return 0;
}

/* Rows and elements against each other and the size of the file. */
static int check_shape(struct vs_ctx *ctx, struct vs_vecs_file *f,
		       const struct vs_npy *npy, struct vs_err *err)
{
	uint64_t size = vs_file_size(f->file), data = 0;
	bool fits;

	if (npy->dim == 0 || npy->dim > VS_DIM_MAX)
		return vs_vecs_refuse(ctx, f, err,
				      "has rows of %llu dimensions; expected "
				      "1 to %u",
				      (unsigned long long)npy->dim, VS_DIM_MAX);
	f->dim = (uint32_t)npy->dim;
	f->n_rows = npy->n_rows;
	f->stored = npy->dtype;
	f->stride = (size_t)f->dim * vs_dtype_size(f->stored);
	fits = vs_mul_u64(f->n_rows, f->stride, &data);
	if (fits && data == size - f->offset)
		return 0;
	return vs_vecs_refuse(ctx, f, err,
			      "the npy header says %llu rows of %u x %s (%zu "
			      "bytes each) but %llu bytes follow it; %s",
			      (unsigned long long)f->n_rows, f->dim,
			      vs_dtype_name(f->stored), f->stride,
			      (unsigned long long)(size - f->offset),
			      fits && data < size - f->offset
				      ? "expected no more than those rows"
				      : "truncated? copy it again");
}

int vs_vecs_measure_npy(struct vs_ctx *ctx, struct vs_vecs_file *f,
			struct vs_err *err)
{
	char why[VS_NPY_WHY_MAX] = "";
	struct vs_npy npy;
	size_t lead = 0, n = 0;
	char *text;
	int rc = measure_text(ctx, f, &lead, &n, err);

	if (rc != 0)
		return rc;
	text = vs_alloc(ctx, n, 1, "npy header", err);
	if (text == NULL)
		return VS_ENOMEM;
	rc = vs_file_pread(ctx, f->file, text, n, lead, err);
	if (rc == 0 && !parse(text, n, f->column, &npy, why))
		rc = vs_vecs_refuse(ctx, f, err, "%s", why);
	vs_free(ctx, text);
	if (rc != 0)
		return rc;
	f->offset = lead + n;
	return check_shape(ctx, f, &npy, err);
}

void vs_npy_format(const struct vs_npy *npy, uint8_t out[VS_NPY_HEAD_LEN])
{
	char text[VS_NPY_HEAD_LEN];
	const char *descr = "";
	size_t i;
	int n;

	for (i = N_DESCRS; i-- > 0;)
		if (descrs[i].dtype == npy->dtype)
			descr = descrs[i].descr;
	memset(out, ' ', VS_NPY_HEAD_LEN);
	memcpy(out, VS_NPY_MAGIC "\x01", VS_NPY_MAGIC_LEN + 2);
	vs_put_le16(out + 8, VS_NPY_HEAD_LEN - 10);
	n = snprintf(text, sizeof(text),
		     "{'descr': '%s', 'fortran_order': False, "
		     "'shape': (%llu, %llu), }",
		     descr, (unsigned long long)npy->n_rows,
		     (unsigned long long)npy->dim);
	memcpy(out + 10, text, (size_t)n);
	out[VS_NPY_HEAD_LEN - 1] = '\n';
}
