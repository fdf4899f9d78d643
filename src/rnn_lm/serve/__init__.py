"""A server of trained models: OpenAI's completions, sessions whose state is kilobytes, all stepped together."""
