/* factory.h - INDEX strings, spelled as Faiss spells them (vs(7)).
 *
 * Known now: "Flat" and "IVF<nlist>,Flat".
 */
#ifndef VS_FACTORY_H
#define VS_FACTORY_H

#include "vs/err.h"
#include "vs/types.h"

#define VS_FACTORY_TEXT_MAX 64
#define VS_NLIST_MAX 1048576u

enum vs_family { VS_FAMILY_FLAT = 1, VS_FAMILY_IVF = 2 };

struct vs_factory {
	enum vs_family family;
	uint32_t nlist; /* cells; 1 for Flat */
	char text[VS_FACTORY_TEXT_MAX]; /* canonical spelling */
};

/* VS_EUSAGE names what is not understood and what is. */
int vs_factory_parse(const char *text, struct vs_factory *out,
		     struct vs_err *err) VS_MUST_CHECK;

#endif
