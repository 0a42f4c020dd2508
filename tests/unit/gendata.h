/* gendata.h - made-up vectors, a vs_source over them, and the brute force that
 * every exactness test compares with. */
#ifndef GENDATA_H
#define GENDATA_H

#include "vs/hit.h"
#include "vs/rng.h"
#include "vs/shard.h"

struct gendata {
	enum vs_dtype dtype;
	uint32_t dim;
	uint64_t n;
	uint8_t *u8; /* [n][dim] */
	int8_t *i8;  /* [n][dim]: u8 - 128 */
	float *f32;  /* [n][dim]; of f16: halves widened */
	uint16_t *f16;
	uint64_t id_base;
	uint64_t at; /* of the stream */
};

/* Clustered rows; levels: how many values an element can take (few make many
 * equal distances).  Float rows are u8 rows, shifted and scaled. */
void gendata_make(struct gendata *g, enum vs_dtype dtype, uint64_t n,
		  uint32_t dim, unsigned levels, uint64_t seed);
void gendata_free(struct gendata *g);
const void *gendata_row(const struct gendata *g, uint64_t i);
void gendata_rows(const struct gendata *g, struct vs_rows *out);
/* As a batch wants them: halves as floats. */
void gendata_queries(const struct gendata *g, struct vs_rows *out);
void gendata_source(struct gendata *g, struct vs_source *out);
/* Writes u8 rows as a file. */
void gendata_bvecs(const char *path, const struct gendata *g);

/* The rank key of a query and a row in plain C, lane by lane as vs/kern.h
 * says. */
int64_t gendata_key(enum vs_metric metric, const struct gendata *q,
		    uint64_t query, const struct gendata *g, uint64_t row);

/* The k best of the rows for which use[row] (NULL: all), sorted, padded. */
void gendata_knn(enum vs_metric metric, const struct gendata *q,
		 uint64_t query, const struct gendata *g, const bool *use,
		 uint32_t k, struct vs_hit *out);

#endif
