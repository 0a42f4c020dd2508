/* vs-eval - measures answers: true neighbours, recall. */
#include "eval.h"

int main(int argc, char **argv)
{
	const struct vs_command commands[] = { vs_eval_truth, vs_eval_recall };
	const struct vs_tool tool = {
		.name = "vs-eval",
		.about = "Measures the answers of a search.",
		.commands = commands,
		.n_commands = VS_COUNT(commands)
	};

	return vs_tool_main(&tool, argc, argv);
}
