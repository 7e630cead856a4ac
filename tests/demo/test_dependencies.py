import subprocess
import sys

WITHOUT = "import sys; sys.modules.update(openai=None, pydantic=None)\n"


def test_the_demo_needs_neither_the_client_of_openai_nor_pydantic() -> None:
    script = WITHOUT + "import demo_app.__main__"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
