/* merge_lists.h - the merge of parts that hold all hits within a radius. */
#ifndef VS_OP_MERGE_LISTS_H
#define VS_OP_MERGE_LISTS_H

#include "merge_kway.h"
#include "merge_parts.h"

struct vs_merge_lists {
	struct vs_ctx *ctx;
	struct vs_merge_parts *parts; /* of lists */
	struct vs_sink *sink; /* where all go, or */
	struct vs_hits *old;  /* the lists that must come out, of */
	const char *out;      /* this name */
	/* Says that an id has two keys. */
	int (*clash)(void *arg, uint64_t query, const struct vs_kway_clash *c,
		     struct vs_err *err);
	void *arg;
};

/* VS_EDATA when copies or keys differ, VS_ECREATE when old has other lists. */
int vs_merge_lists(const struct vs_merge_lists *m,
		   struct vs_err *err) VS_MUST_CHECK;

#endif
