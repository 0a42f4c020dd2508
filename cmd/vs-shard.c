/* vs-shard - plans collections of shards and looks after them. */
#include "shards.h"

int main(int argc, char **argv)
{
	const struct vs_command commands[] = { vs_shard_create, vs_shard_split,
					       vs_shard_status,
					       vs_shard_verify };
	const struct vs_tool tool = {
		.name = "vs-shard",
		.about = "Plans collections of shards and looks after them.",
		.commands = commands,
		.n_commands = VS_COUNT(commands)
	};

	return vs_tool_main(&tool, argc, argv);
}
