/* tile_vnni_set.h - every shape of tile_vnni.h for one VNNI_SET and VNNI_DOT,
 * and the table of them.  Undefines both at its end.
 */
#define VNNI_Q 1
#define VNNI_P 1
#include "tile_vnni.h"

#define VNNI_Q 1
#define VNNI_P 2
#include "tile_vnni.h"

#define VNNI_Q 1
#define VNNI_P 3
#include "tile_vnni.h"

#define VNNI_Q 1
#define VNNI_P 4
#include "tile_vnni.h"

#define VNNI_Q 1
#define VNNI_P 5
#include "tile_vnni.h"

#define VNNI_Q 1
#define VNNI_P 6
#include "tile_vnni.h"

#define VNNI_Q 1
#define VNNI_P 7
#include "tile_vnni.h"

#define VNNI_Q 1
#define VNNI_P 8
#include "tile_vnni.h"

#define VNNI_Q 4
#define VNNI_P 1
#include "tile_vnni.h"

#define VNNI_Q 4
#define VNNI_P 2
#include "tile_vnni.h"

#define VNNI_Q 4
#define VNNI_P 3
#include "tile_vnni.h"

#define VNNI_Q 4
#define VNNI_P 4
#include "tile_vnni.h"

#define VNNI_Q 8
#define VNNI_P 1
#include "tile_vnni.h"

#define VNNI_Q 8
#define VNNI_P 2
#include "tile_vnni.h"

#define VNNI_Q 12
#define VNNI_P 1
#include "tile_vnni.h"

#define VNNI_Q 12
#define VNNI_P 2
#include "tile_vnni.h"

#define V_TILE(q, p) VS_CAT3(tile_, q##x##p, VNNI_SET)

/* [queries: 1, 4, 8, 12][panels - 1]; NULL where smaller tiles do as well. */
static const vnni_tile VS_CAT(tiles, VNNI_SET)[4][VS_TILE_PANELS] = {
	{ V_TILE(1, 1), V_TILE(1, 2), V_TILE(1, 3), V_TILE(1, 4), V_TILE(1, 5),
	  V_TILE(1, 6), V_TILE(1, 7), V_TILE(1, 8) },
	{ V_TILE(4, 1), V_TILE(4, 2), V_TILE(4, 3), V_TILE(4, 4) },
	{ V_TILE(8, 1), V_TILE(8, 2) },
	{ V_TILE(12, 1), V_TILE(12, 2) },
};

#undef V_TILE
#undef VNNI_SET
#undef VNNI_DOT
