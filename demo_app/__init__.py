"""The demo: a proxy of OpenAI's streaming chat completions, and a feed of notifications. Run `python -m demo_app`."""
