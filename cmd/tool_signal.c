/* tool_signal.c - signals and the three standard descriptors.
 *
 * The only mutable globals of the project: a handler has no argument.
 */
#include "tool_int.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static atomic_int stop_signal; /* the first that asked; read as ctx->stop */
static char bus_line[128];     /* ready-made, for a handler that may not */

static void on_stop(int sig)
{
	int none = 0;

	atomic_compare_exchange_strong(&stop_signal, &none, sig);
}

static void on_bus(int sig)
{
	(void)sig;
	/* Nothing can be done when this fails. */
	if (write(STDERR_FILENO, bus_line, strlen(bus_line)) < 0)
		_exit(-VS_EIO);
	_exit(-VS_EIO);
}

static void catch(int sig, void (*handler)(int), int flags)
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = flags };

	sigemptyset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

/* nohup, and a shell for its background jobs, have it ignored: then it stays
 * so. */
static bool is_ignored(int sig)
{
	struct sigaction sa;

	return sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN;
}

void vs_tool_signals(struct vs_ctx *ctx, const char *tool)
{
	snprintf(bus_line, sizeof(bus_line),
		 "%s: a mapped file was cut short or its disk failed while it "
		 "was read (SIGBUS)\n",
		 tool);
	ctx->stop = &stop_signal;
	/* No SA_RESTART: a read from a silent pipe must come back.  A second
	 * Ctrl-C kills at once. */
	catch(SIGTERM, on_stop, 0);
	catch(SIGUSR1, on_stop, 0);
	if (!is_ignored(SIGINT))
		catch(SIGINT, on_stop, (int)SA_RESETHAND);
	catch(SIGBUS, on_bus, 0);
	catch(SIGPIPE, SIG_IGN, 0);
	catch(SIGXFSZ, SIG_IGN, 0);
}

static void die_of(int sig)
{
	sigset_t set;

	catch(sig, SIG_DFL, 0);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
}

void vs_tool_die_of_stop(void)
{
	/* A shell ends its loop only for a child that died of Ctrl-C. */
	if (atomic_load(&stop_signal) == SIGINT)
		die_of(SIGINT);
}

void vs_tool_die_of_pipe(void)
{
	die_of(SIGPIPE);
}

void vs_tool_open_std(void)
{
	int fd;

	/* Read-only: writing to an output that the caller closed is an error,
	 * not a way to lose data. */
	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}
