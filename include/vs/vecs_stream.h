/* vecs_stream.h - queries that come through a pipe: rows are given as soon as
 * they are there, in formats that can be read without knowing their length.
 *
 *   fvecs bvecs          each row says its dimension
 *   fbin f16bin u8bin    u32 n, u32 d, rows; n 0 or 2^32-1: until the end,
 *   i8bin                else at most n rows
 */
#ifndef VS_VECS_STREAM_H
#define VS_VECS_STREAM_H

#include "vs/vecs.h"

struct vs_vecs_stream;

/* What is expected of the rows, and how many are taken at most at a time. */
struct vs_vecs_stream_spec {
	enum vs_vecs_format format; /* AUTO: from the name */
	uint32_t dim;
	size_t most;
};

/* Opens path ("-", a pipe or a file); reads nothing yet.  VS_EUSAGE when the
 * format is not known or needs to know its length. */
int vs_vecs_stream_open(struct vs_ctx *ctx, const char *path,
			const struct vs_vecs_stream_spec *spec,
			struct vs_vecs_stream **out,
			struct vs_err *err) VS_MUST_CHECK;
/* Of an element, in the stream and in the rows given: f32, f16, u8 or i8. */
enum vs_dtype vs_vecs_stream_dtype(const struct vs_vecs_stream *s);
const char *vs_vecs_stream_name(const struct vs_vecs_stream *s);
/* Waits for a row and gives it with those that came with it, dense, at most
 * spec.most; *n == 0 at the end.  VS_EDATA names the query (counted from 0)
 * and its offset when it is cut, of another dimension or not finite; what
 * came before it has been given then.  VS_EAGAIN: a stop was asked for. */
int vs_vecs_stream_next(struct vs_ctx *ctx, struct vs_vecs_stream *s,
			void *rows, size_t *n,
			struct vs_err *err) VS_MUST_CHECK;
void vs_vecs_stream_close(struct vs_ctx *ctx, struct vs_vecs_stream *s);

#endif
