/* tool_help.c - --help and --version, to stdout. */
#include "tool_int.h"

#include <stdio.h>

#include "vs/kern.h"

void vs_tool_help(const struct vs_tool *tool, const struct vs_command *command,
		  const void *args)
{
	printf("usage: %s%s%s %s\n\n", tool->name,
	       command->name == NULL ? "" : " ",
	       command->name == NULL ? "" : command->name, command->usage);
	vs_opt_put_wrapped(stdout, command->about, 0);
	putchar('\n');
	vs_opt_help(&command->options, args, stdout);
	printf("\nDefaults stand in brackets.  Manual: man %s\n", tool->name);
}

void vs_tool_help_commands(const struct vs_tool *tool)
{
	const struct vs_command *c;

	printf("usage: %s COMMAND [options]\n\n%s\n\n", tool->name,
	       tool->about);
	for (c = tool->commands; c < tool->commands + tool->n_commands; c++)
		printf("  %s %s %s\n", tool->name, c->name, c->usage);
	printf("\n%s COMMAND --help lists the options of one.  Manual: man "
	       "%s\n",
	       tool->name, tool->name);
}

void vs_tool_version(const struct vs_tool *tool, const struct vs_ctx *ctx,
		     const struct vs_tool_args *args)
{
	int level;

	printf("%s (vs-tools) %s\n", tool->name, vs_version);
	printf("revision: %s\n", vs_revision);
	printf("instruction set: %s (of", ctx->kern->name);
	for (level = VS_CPU_GENERIC; level < VS_CPU_BEST; level++) {
		const struct vs_kern *kern = vs_kern_exact((enum vs_cpu)level);

		if (kern != NULL)
			printf(" %s", kern->name);
	}
	printf("; VS_CPU chooses)\nthreads: %u\n", args->threads);
}
