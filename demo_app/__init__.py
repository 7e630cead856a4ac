"""The demo: a gateway to chat completions in OpenAI's form, and a feed of notifications. Run `python -m demo_app`."""
