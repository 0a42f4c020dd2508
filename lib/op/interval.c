/* interval.c - Student's t without tables.
 *
 * M. Abramowitz, I. A. Stegun, "Handbook of Mathematical Functions", 1964:
 * 26.7.3 and 26.7.4 (finite series), 26.7.5 (expansion for many degrees).
 * E. B. Wilson, "Probable inference", J. Am. Stat. Assoc. 22 (1927).
 */
#include "interval.h"

#include <math.h>

/* Above it the expansion is good to six digits. */
#define SERIES_MAX 100

/* P(|T| < t) for 1 <= df <= SERIES_MAX. */
static double student_within(double t, unsigned df)
{
	const double pi = 3.14159265358979323846;
	double theta = atan(t / sqrt((double)df));
	double c2 = cos(theta) * cos(theta), sum = 0, term;
	unsigned i;

	if (df % 2 == 0) {
		term = 1;
		for (i = 2; i <= df; i += 2) {
			sum += term;
			term *= c2 * (i - 1) / i;
		}
		return sin(theta) * sum;
	}
	term = cos(theta);
	for (i = 3; i <= df; i += 2) {
		sum += term;
		term *= c2 * (i - 1) / i;
	}
	return 2 / pi * (theta + sin(theta) * sum);
}

/* P(|X| < x): Student's with df degrees of freedom, or normal for df 0. */
static double within(double x, unsigned df)
{
	return df == 0 ? erf(x / sqrt(2.0)) : student_within(x, df);
}

/* The x that |X| stays below with this probability. */
static double find(double probability, unsigned df)
{
	double low = 0, high = 1, middle;
	int i;

	while (within(high, df) < probability && high < 1e100)
		high *= 2;
	for (i = 0; i < 100; i++) {
		middle = low + (high - low) / 2;
		if (within(middle, df) < probability)
			low = middle;
		else
			high = middle;
	}
	return high;
}

double vs_student(double probability, uint64_t df)
{
	double z, z2, n = (double)df;

	if (df != 0 && df <= SERIES_MAX)
		return find(probability, (unsigned)df);
	z = find(probability, 0);
	if (df == 0)
		return z;
	z2 = z * z;
	return z * (1 + (z2 + 1) / (4 * n) +
		    ((5 * z2 + 16) * z2 + 3) / (96 * n * n));
}

static void wilson(double p, double n, double z, double *low, double *high)
{
	double scale = 1 + z * z / n;
	double middle = (p + z * z / (2 * n)) / scale;
	double half = z / scale * sqrt(p * (1 - p) / n + z * z / (4 * n * n));

	*low = middle - half;
	*high = middle + half;
}

void vs_interval(const struct vs_interval_counts *c, double confidence,
		 double *low, double *high)
{
	double n = (double)c->n, most = (double)c->most;
	double mean = (double)c->sum / (n * most), half;
	/* n^2 times the variance, exactly: equal counts must give zero. */
	unsigned __int128 spread = (unsigned __int128)c->n * c->sum_squares -
				   (unsigned __int128)c->sum * c->sum;

	if (spread == 0) {
		wilson(mean, n, vs_student(confidence, 0), low, high);
	} else {
		half = vs_student(confidence, c->n - 1) *
		       sqrt((double)spread / n / (n - 1)) / most / sqrt(n);
		*low = mean - half;
		*high = mean + half;
	}
	*low = *low < 0 ? 0 : *low;
	*high = *high > 1 ? 1 : *high;
}

void vs_interval_add(struct vs_interval_shares *s, double share)
{
	double from_old = share - s->mean;

	if (s->n == 0 || share < s->low)
		s->low = share;
	if (s->n == 0 || share > s->high)
		s->high = share;
	s->n++;
	s->mean += from_old / (double)s->n;
	s->squares += from_old * (share - s->mean);
}

void vs_interval_of_shares(const struct vs_interval_shares *s,
			   double confidence, double *low, double *high)
{
	double n = (double)s->n, half;

	if (s->low == s->high) {
		wilson(s->low, n, vs_student(confidence, 0), low, high);
	} else {
		half = vs_student(confidence, s->n - 1) *
		       sqrt(s->squares / (n - 1) / n);
		*low = s->mean - half;
		*high = s->mean + half;
	}
	*low = *low < 0 ? 0 : *low;
	*high = *high > 1 ? 1 : *high;
}
