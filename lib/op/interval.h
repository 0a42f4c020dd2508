/* interval.h - how sure a mean over queries is. */
#ifndef VS_OP_INTERVAL_H
#define VS_OP_INTERVAL_H

#include <stdint.h>

/* n queries found sum of most * n things, each 0..most of them. */
struct vs_interval_counts {
	uint64_t n;
	uint64_t sum;
	uint64_t sum_squares; /* of each query's count */
	uint32_t most;
};

/* The interval of the mean share sum / (n * most) at a confidence in (0, 1):
 *
 *   Student's t over queries: mean -+ t(n - 1) * s / sqrt(n), cut to [0, 1].
 *   When all queries have the same count, s says nothing; then the Wilson
 *   score interval of n trials, which is wider than the truth can need.
 */
void vs_interval(const struct vs_interval_counts *c, double confidence,
		 double *low, double *high);

/* The same for shares of different things: sums of n shares in [0, 1] and what
 * follows from them, by the method of B. P. Welford, "Note on a method for
 * calculating corrected sums of squares and products" (1962), in their order.
 */
struct vs_interval_shares {
	uint64_t n;
	double mean;
	double squares;	  /* sum of (share - mean)^2 */
	double low, high; /* the least and the largest share */
};
void vs_interval_add(struct vs_interval_shares *s, double share);
/* n > 0 */
void vs_interval_of_shares(const struct vs_interval_shares *s,
			   double confidence, double *low, double *high);

/* The t that |T| stays below with the given probability, T having Student's
 * distribution with df degrees of freedom; the normal one for df 0. */
double vs_student(double probability, uint64_t df);

#endif
