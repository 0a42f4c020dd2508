/* types.c - names and sizes of element types and metrics. */
#include "vs/types.h"

#include <string.h>

static const struct {
	const char *name;
	size_t size;
} dtypes[] = {
	[VS_F32] = { "f32", 4 }, [VS_U8] = { "u8", 1 },
	[VS_I8] = { "i8", 1 },   [VS_F16] = { "f16", 2 },
	[VS_I32] = { "i32", 4 }, [VS_I64] = { "i64", 8 },
	[VS_U32] = { "u32", 4 }, [VS_U64] = { "u64", 8 },
	[VS_F64] = { "f64", 8 },
};

static const char *const metrics[] = {
	[VS_L2] = "l2",
	[VS_IP] = "ip",
	[VS_COSINE] = "cosine",
	[VS_L1] = "l1",
};

#define N_DTYPES (sizeof(dtypes) / sizeof(dtypes[0]))
#define N_METRICS (sizeof(metrics) / sizeof(metrics[0]))

size_t vs_dtype_size(enum vs_dtype t)
{
	return (size_t)t < N_DTYPES ? dtypes[t].size : 0;
}

const char *vs_dtype_name(enum vs_dtype t)
{
	if ((size_t)t >= N_DTYPES || dtypes[t].name == NULL)
		return "?";
	return dtypes[t].name;
}

const char *vs_metric_name(enum vs_metric m)
{
	if ((size_t)m >= N_METRICS || metrics[m] == NULL)
		return "?";
	return metrics[m];
}

bool vs_metric_parse(const char *word, enum vs_metric *m)
{
	size_t i;

	for (i = 0; i < N_METRICS; i++) {
		if (metrics[i] != NULL && strcmp(word, metrics[i]) == 0) {
			*m = (enum vs_metric)i;
			return true;
		}
	}
	return false;
}

bool vs_metric_is_similarity(enum vs_metric m)
{
	return m == VS_IP || m == VS_COSINE;
}
