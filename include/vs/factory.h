/* factory.h - INDEX strings, spelled as Faiss spells them (vs(7)):
 *
 *   [OPQ<m>[_<d>]|PCA<d>|PCAR<d>|RR<d>][,L2norm],
 *   <code> | IVF<nlist>[_HNSW<M>][_SOAR],<code> | HNSW<M>[,<code>]
 *   [,RFlat|,Refine(SQ8)|,Refine(SQfp16)]
 *
 *   <code> = Flat | SQfp16 | SQ8 | PQ<m>[x8] | PQ<m>x4fs
 *
 * _SOAR, which Faiss has not, puts every row into a second cell as well
 * (vs/coarse.h).  Faiss's Refine(Flat), PQ<m>x4 and L2Norm are read as RFlat,
 * PQ<m>x4fs and L2norm.  A bare code is an index of one cell.  What of all
 * this the version at hand builds, vs_factory_check_built says.
 */
#ifndef VS_FACTORY_H
#define VS_FACTORY_H

#include "vs/err.h"
#include "vs/types.h"

#define VS_FACTORY_TEXT_MAX 96
#define VS_NLIST_MAX 1048576u
#define VS_HNSW_M_MAX 256u

enum vs_family { VS_FAMILY_FLAT = 1, VS_FAMILY_IVF = 2, VS_FAMILY_HNSW = 3 };

/* What is done to vectors first. */
enum vs_rotation {
	VS_ROT_NONE,
	VS_ROT_OPQ,
	VS_ROT_PCA,
	VS_ROT_PCAR, /* PCA, then a random rotation */
	VS_ROT_RR    /* a random rotation */
};

/* How rows are kept, the finest first. */
enum vs_coding {
	VS_CODE_FLAT, /* as they are */
	VS_CODE_SQFP16,
	VS_CODE_SQ8,
	VS_CODE_PQ8, /* pq_m bytes */
	VS_CODE_PQ4  /* pq_m nibbles */
};

/* What the nearest by code are ranked by again. */
enum vs_refine {
	VS_REFINE_NONE,
	VS_REFINE_FLAT,
	VS_REFINE_SQFP16,
	VS_REFINE_SQ8
};

struct vs_factory {
	enum vs_family family;
	uint32_t nlist;  /* cells; 1 without IVF */
	uint32_t hnsw_m; /* of HNSW, or of a graph over centroids; else 0 */
	bool soar;       /* each row stands in two cells */
	enum vs_rotation rotation;
	uint32_t rot_m;   /* of OPQ */
	uint32_t rot_dim; /* dimensions it leaves; 0: as many as come */
	bool l2norm;
	enum vs_coding code;
	uint32_t pq_m;
	enum vs_refine refine;
	char text[VS_FACTORY_TEXT_MAX]; /* canonical spelling */
};

/* Reads any index of the grammar; VS_EUSAGE names what is not understood and
 * what is, or what contradicts itself. */
int vs_factory_read(const char *text, struct vs_factory *out,
		    struct vs_err *err) VS_MUST_CHECK;

/* VS_EUSAGE for an index that this version cannot build or search. */
int vs_factory_check_built(const struct vs_factory *f,
			   struct vs_err *err) VS_MUST_CHECK;

/* Both. */
int vs_factory_parse(const char *text, struct vs_factory *out,
		     struct vs_err *err) VS_MUST_CHECK;

static inline bool vs_factory_has_pq(const struct vs_factory *f)
{
	return f->code == VS_CODE_PQ8 || f->code == VS_CODE_PQ4;
}

/* Whether something must be trained before rows can be encoded: centroids,
 * codebooks or a rotation. */
static inline bool vs_factory_needs_model(const struct vs_factory *f)
{
	return f->family == VS_FAMILY_IVF || f->rotation != VS_ROT_NONE ||
	       vs_factory_has_pq(f);
}

/* Slots of a shard that each row takes. */
static inline unsigned vs_factory_copies(const struct vs_factory *f)
{
	return f->soar ? 2 : 1;
}

/* Whether rows become floats of another kind before they are coded. */
static inline bool vs_factory_has_transform(const struct vs_factory *f)
{
	return f->rotation != VS_ROT_NONE || f->l2norm;
}

/* Whether ranges of 8-bit codes are learnt from rows of this type.  An index
 * that learns nothing else is built without a model, too, from its own rows;
 * shards of a collection must share them. */
static inline bool vs_factory_has_ranges(const struct vs_factory *f,
					 enum vs_dtype rows)
{
	return (f->code == VS_CODE_SQ8 || f->refine == VS_REFINE_SQ8) &&
	       (rows == VS_F32 || rows == VS_F16 ||
		vs_factory_has_transform(f));
}

#endif
