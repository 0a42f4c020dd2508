/* merge_kway.h - the k best of many sorted lists of one query. */
#ifndef VS_OP_MERGE_KWAY_H
#define VS_OP_MERGE_KWAY_H

#include "id_map.h"
#include "vs/hit.h"

/* The hits of one query in one part: ascending, padded to n. */
struct vs_kway_list {
	const struct vs_hit *hits;
	uint32_t n;
};

/* Scratch of one thread. */
struct vs_kway {
	struct vs_kway_cursor *heap; /* [n_lists] */
	struct vs_id_map ids;	     /* of the answer */
};

/* One id with two keys: its row was not the same in two parts. */
struct vs_kway_clash {
	uint64_t id;
	size_t a, b; /* lists */
	int64_t key_a, key_b;
};

int vs_kway_init(struct vs_ctx *ctx, struct vs_kway *w, size_t n_lists,
		 uint32_t k, struct vs_err *err) VS_MUST_CHECK;
void vs_kway_free(struct vs_ctx *ctx, struct vs_kway *w);

/* out[k]: the k least (key, id) of all n lists, each once, padded.  False and
 * *clash when an id of the answer stands in any list with another key. */
bool vs_kway_merge(struct vs_kway *w, const struct vs_kway_list *lists,
		   size_t n, uint32_t k, struct vs_hit *out,
		   struct vs_kway_clash *clash);

#endif
