"""Face emotion: frames in, seven probabilities per face out."""

import os

# OpenCV reads this once, when it is loaded. A file of a few kilobytes can claim a gigapixel, and
# one of 50 megapixels takes a second and 200 MB in the slowest formats.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 24))
