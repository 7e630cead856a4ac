"""The demo, run by `python -m demo_app`: a proxy of OpenAI's streaming chat completions, and a notification feed."""
