/* map.h - read-only memory maps of whole files.
 *
 * Never written through.  A file that shrinks under a map raises SIGBUS; the
 * tools turn that into exit 74.
 */
#ifndef VS_MAP_H
#define VS_MAP_H

#include "vs/file.h"

struct vs_map {
	const uint8_t *p; /* NULL when n == 0 */
	size_t n;
};

/* Maps all of f (a regular file); f may be closed afterwards. */
int vs_map_open(struct vs_ctx *ctx, struct vs_file *f, struct vs_map *out,
		struct vs_err *err) VS_MUST_CHECK;
void vs_map_close(struct vs_map *m);

enum vs_advice {
	VS_ADVICE_NORMAL,
	VS_ADVICE_SEQUENTIAL,
	VS_ADVICE_RANDOM,
	VS_ADVICE_WILLNEED, /* start reading now */
	VS_ADVICE_DONTNEED  /* drop from this process; the data stay valid */
};

/* A hint about bytes [offset, offset+n); clipped to the map, never fails. */
void vs_map_advise(const struct vs_map *m, uint64_t offset, uint64_t n,
		   enum vs_advice advice);

#endif
