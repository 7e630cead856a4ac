import httpx

from tests.docs.example import Example


def test_jobs_outlive_their_answers(example: Example, client: httpx.Client) -> None:
    def order(name: str) -> int:
        return client.post("/orders", json={"name": name}).status_code

    assert order("nobody") == 202
    failed = "ConnectionRefusedError: nobody"
    assert example.line_with(failed) == failed  # its answer was sent before, and no other job is lost
    assert order("ada") == 202
    assert example.line_with("confirmed") == "confirmed: ada"

    assert [order("slow") for _ in range(4)] == [202, 202, 202, 503]  # each job takes ten minutes
    lines = example.stop()
    assert lines.count("not confirmed: slow") == 3
    assert lines.index("INFO:     Waiting for application shutdown.") < lines.index("not confirmed: slow")
    assert "INFO:     Application shutdown complete." in lines
