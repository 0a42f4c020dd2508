/* cell_log.h - the checkpoint of vs-build: the cells of the rows so far.
 *
 * Assigning rows to cells is the long part of a build.  What is kept of it is
 * believed only for the rows that it was made from: the checkpoint has the
 * digest of the stream up to there, which the next run compares as it reads.
 */
#ifndef VS_CELL_LOG_H
#define VS_CELL_LOG_H

#include "vs/ckpt.h"

struct vs_cell_log {
	struct vs_ctx *ctx;
	char *path;
	struct vs_ckpt_clock clock;
	unsigned per_row;        /* cells of each row */
	uint64_t n;              /* rows offered last */
	uint64_t n_saved;        /* rows in the file */
	struct vs_digest prefix; /* of the stream up to row n */
	struct vs_ckpt file;
};

/* For the shard `out` of this fingerprint, in which each row has per_row
 * cells.  Zeroed before; cleared in any case. */
int vs_cell_log_init(struct vs_cell_log *g, struct vs_ctx *ctx,
		     const char *out, const struct vs_digest *fingerprint,
		     unsigned per_row, uint32_t every_secs,
		     struct vs_err *err) VS_MUST_CHECK;
/* Fills cell[0 .. *n * per_row) with numbers below nlist from an earlier run,
 * *n at most n_rows and 0 when there is nothing to go on from. */
int vs_cell_log_load(struct vs_cell_log *g, uint32_t *cell, uint64_t n_rows,
		     uint32_t nlist, uint64_t *n,
		     struct vs_err *err) VS_MUST_CHECK;
/* Whether the stream, read up to row *n, is the one they were made from; warns
 * when it is not. */
bool vs_cell_log_fits(struct vs_cell_log *g, const struct vs_hasher *h);
/* The first n rows are assigned, and h has seen just them. */
void vs_cell_log_offer(struct vs_cell_log *g, uint32_t *cell, uint64_t n,
		       const struct vs_hasher *h);
/* A stop ends the run: keeps what was offered last. */
void vs_cell_log_stop(struct vs_cell_log *g, uint32_t *cell);
/* The shard is there. */
void vs_cell_log_drop(struct vs_cell_log *g);
void vs_cell_log_clear(struct vs_cell_log *g);

#endif
