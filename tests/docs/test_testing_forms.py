from testing_forms import test_the_photos_of_an_album_are_stored

__all__ = ["test_the_photos_of_an_album_are_stored"]
