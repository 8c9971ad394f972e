"""OpenAI's Chat Completions in Anthropic's words and back, sans-io; it asks nothing and keeps nothing between calls."""
