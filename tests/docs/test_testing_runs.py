from testing_runs import test_an_answer_is_read_again_with_its_end

__all__ = ["test_an_answer_is_read_again_with_its_end"]
