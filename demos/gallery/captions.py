"""What the pictures show, for those who cannot see them: by demo and by the file's name, the best picture first."""

CAPTIONS: dict[str, dict[str, str]] = {}
