"""What a file says of its pictures: kinds, tags, XMP, a signed manifest."""
