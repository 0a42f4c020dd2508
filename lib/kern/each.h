/* each.h - repetition for kernel templates.
 *
 * A register tile needs one named variable per accumulator: an array that is
 * indexed in a loop lives in memory under gcc 12 at -O2.  VS_EACH(n, M) gives
 * M(0) M(1) ... M(n-1); VS_WITH(n, M, k) gives M(k, 0) ... M(k, n-1), so that
 * the two can be nested.
 */
#ifndef VS_KERN_EACH_H
#define VS_KERN_EACH_H

#define VS_CAT_(a, b) a##b
#define VS_CAT(a, b) VS_CAT_(a, b)
#define VS_CAT3_(a, b, c) a##b##c
#define VS_CAT3(a, b, c) VS_CAT3_(a, b, c)

#define VS_EACH(n, M) VS_CAT(VS_EACH_, n)(M)
#define VS_EACH_1(M) M(0)
#define VS_EACH_2(M) VS_EACH_1(M) M(1)
#define VS_EACH_3(M) VS_EACH_2(M) M(2)
#define VS_EACH_4(M) VS_EACH_3(M) M(3)
#define VS_EACH_5(M) VS_EACH_4(M) M(4)
#define VS_EACH_6(M) VS_EACH_5(M) M(5)
#define VS_EACH_7(M) VS_EACH_6(M) M(6)
#define VS_EACH_8(M) VS_EACH_7(M) M(7)
#define VS_EACH_12(M) VS_EACH_8(M) M(8) M(9) M(10) M(11)

#define VS_WITH(n, M, k) VS_CAT(VS_WITH_, n)(M, k)
#define VS_WITH_1(M, k) M(k, 0)
#define VS_WITH_2(M, k) VS_WITH_1(M, k) M(k, 1)
#define VS_WITH_3(M, k) VS_WITH_2(M, k) M(k, 2)
#define VS_WITH_4(M, k) VS_WITH_3(M, k) M(k, 3)
#define VS_WITH_5(M, k) VS_WITH_4(M, k) M(k, 4)
#define VS_WITH_6(M, k) VS_WITH_5(M, k) M(k, 5)
#define VS_WITH_7(M, k) VS_WITH_6(M, k) M(k, 6)
#define VS_WITH_8(M, k) VS_WITH_7(M, k) M(k, 7)

#endif
