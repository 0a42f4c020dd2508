/* lock.h - a spin lock for sections that are short or seldom contended: few
 * rows pass a filter, and two threads seldom work for one query at once. */
#ifndef VS_LOCK_H
#define VS_LOCK_H

#include <sched.h>
#include <stdatomic.h>

/* Zero-initialised is unlocked (ATOMIC_FLAG_INIT). */
static inline void vs_spin_lock(atomic_flag *lock)
{
	unsigned tries = 0;

	while (atomic_flag_test_and_set_explicit(lock, memory_order_acquire))
		if (++tries % 64 == 0)
			sched_yield(); /* the holder may have lost its CPU */
}

static inline void vs_spin_unlock(atomic_flag *lock)
{
	atomic_flag_clear_explicit(lock, memory_order_release);
}

#endif
