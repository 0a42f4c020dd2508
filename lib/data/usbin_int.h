/* usbin_int.h - what usbin.c and usbin_range.c share. */
#ifndef VS_USBIN_INT_H
#define VS_USBIN_INT_H

#include "vs/usbin.h"

struct vs_usbin {
	struct vs_file *file;
	uint32_t n_queries;
	uint32_t k; /* 0: of range searches */
	bool has_distances;
	/* of range searches */
	uint32_t total;
	uint32_t longest;
};

/* Checks counts and distances of a truth of range searches, whose size fits. */
int vs_usbin_check_range(struct vs_ctx *ctx, struct vs_usbin *u,
			 struct vs_err *err) VS_MUST_CHECK;

#endif
