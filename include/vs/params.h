/* params.h - search parameters, -p "nprobe=32". */
#ifndef VS_PARAMS_H
#define VS_PARAMS_H

#include "vs/factory.h"

#define VS_PARAMS_TEXT_MAX 64

struct vs_params {
	uint32_t nprobe; /* cells a query visits; 1..nlist */
	bool nprobe_cut; /* more was asked for */
	uint32_t taper; /* of nprobe (vs/coarse.h); 0: none */
	uint32_t kfactor; /* candidates by code for each of k, with refining;
			   * else 1 */
	char text[VS_PARAMS_TEXT_MAX]; /* canonical; "" for Flat */
};

/* For an index; text, "name=value,...", may be NULL: defaults (nprobe: the root
 * of nlist, rounded up; taper: 0; kfactor: 10).  A larger nprobe than nlist
 * is nlist.  VS_EUSAGE for a parameter that the index does not have. */
int vs_params_parse(const char *text, const struct vs_factory *index,
		    struct vs_params *out, struct vs_err *err) VS_MUST_CHECK;

#endif
