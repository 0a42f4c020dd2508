/* faults.h - a hook that counts the calls of the library and fails some. */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "vs/ctx.h"

#define FAULTS_LOG_MAX 64

struct faults {
	unsigned at;    /* fail the at-th call that counts, from 1; 0: none */
	bool for_ever;  /* and all later ones, except close and unlink */
	int sys;        /* with this errno */
	unsigned calls; /* bit 1 << vs_call: what counts; 0: everything */
	atomic_uint n_seen;  /* calls that counted so far */
	atomic_uint n_fired; /* calls that failed */
	unsigned char log[FAULTS_LOG_MAX]; /* the first calls, as vs_call */
};

/* Makes f the hook of ctx with the counters at zero. */
void faults_set(struct vs_ctx *ctx, struct faults *f);

#endif
